/**
 * What a mesh shows only in its very first block, after thousands of leases, or after thousands of blocks. So it is
 * asked of the room itself, with a state that is written by hand.
 */
import { assetId, assetOperationCodec, LEASES_MAX } from '@hypermesh/assets'
import type { AssetOperation } from '@hypermesh/assets'
import { chainOf, signOperation, validatorsOf } from '@hypermesh/bootstrap'
import type { Body, Invite } from '@hypermesh/bootstrap'
import { defaultPolicy, emptyState } from '@hypermesh/consensus'
import type { State } from '@hypermesh/consensus'
import { generateSigningKey, sha256 } from '@hypermesh/crypto'
import { openAuthority, requestBytes } from '@hypermesh/trustchain'
import { memoryKeys, memoryLedger } from '@hypermesh/trustchain/testing'
import { expect, test } from 'vitest'

import { keyOf, meshApplication } from '../src/ledger/ledger.ts'
import { assetBody, assetOf, receiptOf } from './forge.ts'

const key = generateSigningKey('ed25519')
const owner = key.publicKey
const timestamp = BigInt(Date.now())

const inviteFor = (root: Uint8Array): Invite => ({
  mesh: 'test',
  root,
  founder: 0,
  members: [
    { name: 'ada', key: owner, falcon: new Uint8Array(1793), host: '::1', port: 1, stake: 1n },
  ],
})

function ledgerOf(invite: Invite): {
  readonly check: (body: Body, state: State) => unknown
  readonly apply: (body: Body, state: State) => State
} {
  const application = meshApplication({ invite, policy: defaultPolicy, onProof: () => {} })
  const chainId = chainOf(invite)
  const context = {
    chainId,
    height: 1n,
    epoch: 0n,
    timestamp,
    parent: new Uint8Array(32),
    validators: validatorsOf(invite),
    ancestor: () => undefined,
  }
  return {
    check: (body, state) => application.check(signOperation(key, chainId, body), state, context),
    apply: (body, state) =>
      state.write(application.apply(signOperation(key, chainId, body), state, context)),
  }
}

const lease = (
  number: number,
  until = timestamp + 60_000n,
): Extract<AssetOperation, { type: 'lease' }> => ({
  type: 'lease',
  id: sha256(Uint8Array.of(number >> 8, number & 0xff)),
  owner,
  holder: owner,
  cpu: 0n,
  memory: 0n,
  storage: 1n,
  privacy: 'private-network',
  at: timestamp,
  until,
})

function stateWithAsset(): State {
  const register: AssetOperation = {
    type: 'register',
    asset: { ...assetOf(owner, 'disk'), capacity: 1n << 60n },
    proof: new Uint8Array(1),
    at: timestamp,
  }
  const id = assetId(owner, 'storage', 'disk')
  return emptyState().write([
    { key: keyOf('asset', owner, id), value: assetOperationCodec.encode(register) },
  ])
}

test('the first root is the one that the invite pins', async () => {
  const ledger = memoryLedger()
  const clock = { now: () => timestamp }
  const store = { file: ':memory:', keys: memoryKeys(), ledger, clock, mesh: 'test' }
  await using authority = await openAuthority(store)
  await authority.issue({ name: 'ada', key: owner, proof: key.sign(requestBytes('ada', owner)) })
  const [introduction, certificate] = ledger.entries
  const body: Body = { type: 'issuance', entry: introduction! }
  const issued: Body = { type: 'issuance', entry: certificate! }

  const pinned = ledgerOf(inviteFor(sha256(authority.root)))
  expect(pinned.check(issued, emptyState())).toMatchObject({ ok: false })
  expect(pinned.check(body, emptyState())).toEqual({ ok: true })
  expect(pinned.check(issued, pinned.apply(body, emptyState()))).toEqual({ ok: true })

  const other = ledgerOf(inviteFor(new Uint8Array(32)))
  expect(other.check(body, emptyState())).toEqual({
    ok: false,
    reason: 'the first root is not the one that the invite pins',
  })
})

test('an owner has so many leases and no more, and those that are over do not count', () => {
  const { check, apply } = ledgerOf(inviteFor(new Uint8Array(32)))
  const over = lease(5000, timestamp)
  const full = stateWithAsset().write(
    [over, ...Array.from({ length: LEASES_MAX }, (_, number) => lease(number))].map(
      (operation) => ({
        key: keyOf('lease', owner, operation.id),
        value: assetOperationCodec.encode(operation),
      }),
    ),
  )
  const next = assetBody(key, lease(6000))
  expect(check(next, full)).toEqual({ ok: false, reason: `${LEASES_MAX} leases run already` })
  const room = full.write([
    { key: keyOf('lease', owner, sha256(Uint8Array.of(0, 0))), value: undefined },
  ])
  expect(check(next, room)).toEqual({ ok: true })
  // What is over goes when the next one comes.
  const after = apply(next, room)
  expect(after.get(keyOf('lease', owner, over.id))).toBe(undefined)
  expect([...after.entries(keyOf('lease', owner))].length).toBe(LEASES_MAX)
})

test('a receipt is there once, also when the blocks have forgotten its operation', () => {
  const { check, apply } = ledgerOf(inviteFor(new Uint8Array(32)))
  const running = lease(1)
  const state = apply(assetBody(key, running), stateWithAsset())
  const said = { lease: running.id, startedAt: timestamp, endedAt: timestamp }
  const body: Body = { type: 'receipt', receipt: receiptOf(key, said) }
  expect(check(body, state)).toEqual({ ok: true })
  expect(check(body, apply(body, state))).toEqual({
    ok: false,
    reason: 'the receipt is there already',
  })
})
