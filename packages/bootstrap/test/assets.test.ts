import type { AssetOperation } from '@hypermesh/assets'
import { assetId, signAssetOperation } from '@hypermesh/assets'
import { chainOf, signOperation, validatorsOf, verifyOrdered } from '@hypermesh/bootstrap'
import type { Body, MeshNode } from '@hypermesh/bootstrap'
import { defaultPolicy, headerHash, signCommitment } from '@hypermesh/consensus'
import type { Commitment } from '@hypermesh/consensus'
import { generateSigningKey, sha256 } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { meshApplication } from '../src/ledger/ledger.ts'
import { assetBody, assetOf, beside, receiptOf, refusal, say, taken } from './forge.ts'
import { gather, joinAll } from './mesh.ts'
import type { TestMesh } from './mesh.ts'

const stranger = generateSigningKey('ed25519')

let mesh: TestMesh
let ada: MeshNode
let bob: MeshNode
let keys: readonly SigningKey[]
let key: SigningKey
let owner: Uint8Array

beforeAll(async () => {
  mesh = await gather(4)
  await joinAll(mesh)
  ada = mesh.nodes[0]!
  bob = mesh.nodes[1]!
  keys = mesh.nodes.map(({ identity }) => identity.ed25519)
  key = keys[0]!
  owner = key.publicKey
}, 60_000)

afterAll(() => mesh[Symbol.asyncDispose]())

const now = (): bigint => BigInt(Date.now())

const prove = (node: MeshNode, subject: Uint8Array): Promise<Uint8Array> =>
  node.workshop!.standing.prove(subject)

const register = (proof: Uint8Array, name: string, generation = 1n): AssetOperation => ({
  type: 'register',
  asset: assetOf(owner, name, generation),
  proof,
  at: now(),
})

let leases = 0

type Lease = Extract<AssetOperation, { type: 'lease' }>

const lease = (said: Partial<Lease> = {}): Lease => ({
  type: 'lease',
  id: sha256(Uint8Array.of(++leases >> 8, leases & 0xff)),
  owner,
  holder: stranger.publicKey,
  cpu: 0n,
  memory: 0n,
  storage: 1n,
  privacy: 'private-network',
  at: now(),
  until: now() + 60_000n,
  ...said,
})

const release = (id: Uint8Array): Extract<AssetOperation, { type: 'release' }> => ({
  type: 'release',
  id,
  owner,
  cause: 'released',
  at: now(),
})

const saySo = (operation: AssetOperation): Promise<unknown> =>
  say(ada, key, assetBody(key, operation))

describe('a registration', () => {
  test('enters with four proofs of this very asset and owner, and no other', async () => {
    const id = assetId(owner, 'storage', 'disk')
    const good = await prove(ada, id)
    const cut = good.subarray(0, good.length - 1)
    const flipped = good.slice()
    flipped[good.length >> 1]! ^= 1
    const others = await prove(bob, id)
    expect(await saySo(register(await prove(ada, assetId(owner, 'cpu', 'disk')), 'disk'))).toEqual(
      refusal('proof: subject: other-subject'),
    )
    expect(await saySo(register(others, 'disk'))).toEqual(refusal('proof: subject: other-owner'))
    expect(await saySo(register(cut, 'disk'))).toEqual(refusal('proof: encoding'))
    expect(await saySo(register(flipped, 'disk'))).toEqual(refusal('proof: '))
    expect(await saySo(register(new Uint8Array(0), 'disk'))).toEqual(refusal('proof: encoding'))
    expect(await saySo(register(good, 'disk'))).toEqual(taken)
  })

  test('does not stand on ground that is too old', async () => {
    const proof = await prove(ada, assetId(owner, 'storage', 'late'))
    const { invite } = mesh
    const application = meshApplication({ invite, policy: defaultPolicy, onProof: () => {} })
    const { consensus } = ada.ledger!
    const check = (later: bigint): unknown => {
      const operation = { ...register(proof, 'late'), at: now() + later }
      return application.check(
        signOperation(key, chainOf(invite), assetBody(key, operation)),
        consensus.state(),
        {
          chainId: chainOf(invite),
          height: 1n + consensus.head()!.header.height,
          epoch: 0n,
          timestamp: now() + later,
          parent: new Uint8Array(32),
          validators: validatorsOf(invite),
          ancestor: () => undefined,
        },
      )
    }
    expect(check(0n)).toEqual({ ok: true })
    expect(check(defaultPolicy.ageMax)).toEqual({ ok: false, reason: 'proof: time: too-old' })
  })

  test('is replaced only by a later one', async () => {
    const proof = await prove(ada, assetId(owner, 'storage', 'renewed'))
    expect(await saySo(register(proof, 'renewed', 2n))).toEqual(taken)
    for (const generation of [1n, 2n]) {
      expect(await saySo(register(proof, 'renewed', generation))).toEqual(
        refusal('a later registration is there already'),
      )
    }
    expect(await saySo(register(proof, 'renewed', 3n))).toEqual(taken)
  })

  test('is said by the owner, signed by the owner, and now', async () => {
    const proof = await prove(ada, assetId(owner, 'storage', 'mine'))
    const operation = register(proof, 'mine')
    expect(await say(bob, keys[1]!, assetBody(key, operation))).toEqual(
      refusal('an asset is spoken for by its owner'),
    )
    expect(await say(ada, key, assetBody(keys[1]!, operation))).toEqual(
      refusal('asset operation: forged'),
    )
    const bytes = signAssetOperation(key, operation)
    bytes[bytes.length - 1]! ^= 1
    expect(await say(ada, key, { type: 'asset', operation: bytes })).toEqual(
      refusal('asset operation: forged'),
    )
    for (const at of [now() - 61_000n, now() + 65_000n]) {
      expect(await saySo({ ...operation, at })).toEqual(refusal('the time is not now'))
    }
  })

  test('is one of sixteen', async () => {
    // Three are there.
    const names = Array.from({ length: 15 }, (_, index) => `asset ${index}`)
    const operations = await Promise.all(
      names.map(async (name) => register(await prove(ada, assetId(owner, 'storage', name)), name)),
    )
    const few = operations.slice(0, -1)
    expect(await Promise.all(few.map(saySo))).toEqual(few.map(() => taken))
    expect(await saySo(operations.at(-1)!)).toEqual(refusal('16 assets are registered already'))
    // One that is there can be measured anew.
    const again = await prove(ada, assetId(owner, 'storage', 'disk'))
    expect(await saySo(register(again, 'disk', 2n))).toEqual(taken)
  })
})

describe('a lease', () => {
  // What the tests above have registered.
  const capacity = 16_000n

  test('is of what is registered, and not of more', async () => {
    expect(await saySo(lease({ storage: capacity + 1n }))).toEqual(
      refusal(`storage: 0 of ${capacity} are lent`),
    )
    expect(await saySo(lease({ cpu: 1n }))).toEqual(refusal('cpu: 0 of 0 are lent'))
    expect(await saySo(lease({ memory: 1n }))).toEqual(refusal('memory: 0 of 0 are lent'))
    const half = lease({ storage: 10_000n })
    expect(await saySo(half)).toEqual(taken)
    expect(await saySo(lease({ storage: 6001n }))).toEqual(
      refusal(`storage: 10000 of ${capacity} are lent`),
    )
    expect(await saySo(release(half.id))).toEqual(taken)
    const all = lease({ storage: capacity })
    expect(await saySo(all)).toEqual(taken)
    expect(await saySo(release(all.id))).toEqual(taken)
  })

  test('that is over gives back what it lent', async () => {
    expect(await saySo(lease({ storage: capacity, until: now() + 700n }))).toEqual(taken)
    expect(await saySo(lease({ storage: 1n }))).toEqual(refusal('are lent'))
    await new Promise((resolve) => setTimeout(resolve, 800))
    const next = lease({ storage: capacity })
    expect(await saySo(next)).toEqual(taken)
    expect(await saySo(release(next.id))).toEqual(taken)
  })

  test('is its owner’s to give', async () => {
    expect(await say(bob, keys[1]!, assetBody(keys[1]!, lease()))).toEqual(
      refusal('asset operation: forged'),
    )
    expect(await say(bob, keys[1]!, assetBody(key, lease()))).toEqual(
      refusal('an asset is spoken for by its owner'),
    )
    // Bob has registered nothing.
    const own = lease({ owner: keys[1]!.publicKey })
    expect(await say(bob, keys[1]!, assetBody(keys[1]!, own))).toEqual(
      refusal('storage: 0 of 0 are lent'),
    )
  })

  test('has an id of its own, and a time that is not over', async () => {
    const first = lease()
    expect(await saySo(first)).toEqual(taken)
    expect(await saySo(lease({ id: first.id }))).toEqual(refusal('the lease is there already'))
    const past = { at: now() - 2000n, until: now() - 1000n }
    expect(await saySo(lease(past))).toEqual(refusal('the lease is over already'))
    expect(await saySo(lease({ at: now() - 90_000n }))).toEqual(refusal('the time is not now'))
    expect(await saySo(release(first.id))).toEqual(taken)
  })

  test('is released once, by its owner', async () => {
    const first = lease()
    expect(await saySo(first)).toEqual(taken)
    const others = {
      ...release(first.id),
      owner: keys[1]!.publicKey,
    }
    expect(await say(bob, keys[1]!, assetBody(keys[1]!, others))).toEqual(
      refusal('no such lease runs'),
    )
    expect(await say(bob, keys[1]!, assetBody(key, release(first.id)))).toEqual(
      refusal('an asset is spoken for by its owner'),
    )
    expect(await saySo(release(first.id))).toEqual(taken)
    const again = { ...release(first.id), at: now() + 1n }
    expect(await saySo(again)).toEqual(refusal('no such lease runs'))
  })
})

describe('a receipt', () => {
  let running: Uint8Array

  beforeAll(async () => {
    const operation = lease()
    running = operation.id
    await saySo(operation)
  })

  const ordered = (receipt: Uint8Array): Body => ({ type: 'receipt', receipt })

  test('is ordered by its executor, as it was signed', async () => {
    const receipt = receiptOf(key, { lease: running, engine: 'honest' })
    expect(await say(bob, keys[1]!, ordered(receipt))).toEqual(
      refusal('a receipt is ordered by its executor'),
    )
    const forged = receipt.slice()
    forged[forged.length - 100]! ^= 1
    expect(await say(ada, key, ordered(forged))).toEqual(refusal('receipt: '))
    const byOther = receiptOf(keys[1]!, { executor: owner, lease: running })
    expect(await say(ada, key, ordered(byOther))).toEqual(refusal('receipt: wrong-signature'))
    expect(await say(ada, key, ordered(new Uint8Array(9)))).toEqual(refusal('receipt: malformed'))
    expect(await say(ada, key, ordered(receipt))).toEqual(taken)
  })

  test('is for a lease of the executor’s that runs, and ran then', async () => {
    const none = 'no lease runs that the receipt could be for'
    const unknown = receiptOf(key, { lease: new Uint8Array(32).fill(9) })
    expect(await say(ada, key, ordered(unknown))).toEqual(refusal(none))
    const others = receiptOf(keys[1]!, { lease: running })
    expect(await say(bob, keys[1]!, ordered(others))).toEqual(refusal(none))
    const short = lease({ until: now() + 700n })
    expect(await saySo(short)).toEqual(taken)
    const early = { lease: running, startedAt: now() - 30_000n }
    expect(await say(ada, key, ordered(receiptOf(key, early)))).toEqual(
      refusal('the receipt is older than its lease'),
    )
    const released = lease()
    expect(await saySo(released)).toEqual(taken)
    expect(await saySo(release(released.id))).toEqual(taken)
    const late = receiptOf(key, { lease: released.id })
    expect(await say(ada, key, ordered(late))).toEqual(refusal(none))
    await new Promise((resolve) => setTimeout(resolve, 800))
    const over = receiptOf(key, { lease: short.id })
    expect(await say(ada, key, ordered(over))).toEqual(refusal(none))
  })

  test('is not from the future', async () => {
    const receipt = receiptOf(key, { lease: running, endedAt: now() + 10_000n })
    expect(await say(ada, key, ordered(receipt))).toEqual(refusal('the receipt is from the future'))
  })

  test('has a proof of its order, which is for it, on this ledger, by these validators', async () => {
    const receipt = receiptOf(key, { lease: running, engine: 'proved' })
    const said = await ada.ledger!.submit(ordered(receipt))
    if (!said.ok) throw new Error(said.reason)
    const { order, height } = said
    const { chain, validators } = ada.ledger!
    const expected = { chain, validators, receipt }
    expect(verifyOrdered(order, expected)).toEqual({ ok: true, height })

    const [first, ...others] = validators
    for (const wrong of [
      { ...expected, receipt: receiptOf(key, { lease: running, engine: 'other' }) },
      { ...expected, chain: new Uint8Array(32) },
      { ...expected, validators: others },
      { ...expected, validators: [...others, first!] },
      { ...expected, validators: [{ key: stranger.publicKey, stake: 1n }, ...others] },
      { ...expected, validators: [{ ...first!, stake: 2n }, ...others] },
    ]) {
      expect(verifyOrdered(order, wrong)).toEqual({ ok: false })
    }
    const verdict = await bob.ledger!.submit({
      type: 'verdict',
      receipt: sha256(receipt),
      output: new Uint8Array(32),
    })
    if (!verdict.ok) throw new Error(verdict.reason)
    for (const named of [receipt, sha256(receipt)]) {
      expect(verifyOrdered(verdict.order, { ...expected, receipt: named })).toEqual({ ok: false })
    }
    // What its author has signed, and has put beside a block that it is not in.
    const never = receiptOf(key, { lease: running, engine: 'never ordered' })
    const operation = signOperation(key, chain, ordered(never))
    expect(verifyOrdered(beside(order, operation), { ...expected, receipt: never })).toEqual({
      ok: false,
    })
    expect(verifyOrdered(beside(order, undefined), expected)).toEqual({ ok: true, height })

    fc.assert(
      fc.property(fc.nat(order.length * 8 - 1), (bit) => {
        const bytes = order.slice()
        bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7))
        return !verifyOrdered(bytes, expected).ok
      }),
      { numRuns: 300 },
    )
    fc.assert(
      fc.property(
        fc.nat(order.length - 1),
        (length) => !verifyOrdered(order.subarray(0, length), expected).ok,
      ),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !verifyOrdered(bytes, expected).ok),
    )
  })

  test('is judged by validators, once by each, and not by its executor', async () => {
    const receipt = receiptOf(key, { lease: running, engine: 'judged' })
    expect(await say(ada, key, ordered(receipt))).toEqual(taken)
    const verdict = (output: number, of = sha256(receipt)): Body => ({
      type: 'verdict',
      receipt: of,
      output: new Uint8Array(32).fill(output),
    })
    expect(await say(ada, key, verdict(1))).toEqual(refusal('nobody judges its own receipt'))
    expect(await say(ada, stranger, verdict(1))).toEqual(refusal('only a validator judges'))
    expect(await say(bob, keys[1]!, verdict(1, sha256(new Uint8Array(1))))).toEqual(
      refusal('the receipt is not in the ledger'),
    )
    expect(await say(bob, keys[1]!, verdict(1))).toEqual(taken)
    expect(await say(bob, keys[1]!, verdict(2))).toEqual(refusal('judged already'))
    expect(await say(bob, keys[2]!, verdict(2))).toEqual(taken)
  })
})

describe('a commitment', () => {
  const { leavesMin, unitsMin, costMin } = defaultPolicy
  const commitment = (by: SigningKey, said: Partial<Commitment> = {}): Body => {
    const { header } = ada.ledger!.head()!
    const root = new Uint8Array(32)
    const seed = { seed: headerHash(header), seedHeight: header.height }
    const whole: Commitment = {
      chainId: ada.ledger!.chain,
      owner: by.publicKey,
      epoch: header.epoch,
      space: { root, leaves: leavesMin },
      work: { root, units: unitsMin, cost: costMin, ...seed },
      ...said,
    }
    return { type: 'commitment', commitment: signCommitment(by, whole) }
  }

  test('is its author’s, of this ledger, large enough, and not too soon after the last', async () => {
    const carol = keys[2]!
    const root = new Uint8Array(32)
    expect(await say(ada, key, commitment(carol))).toEqual(
      refusal('a commitment is ordered by its owner'),
    )
    for (const [said, reason] of [
      [{ chainId: root }, 'other-chain'],
      [{ epoch: 7n }, 'other-epoch'],
      [{ space: { root, leaves: leavesMin - 1 } }, 'too-small'],
      [{ owner: keys[3]!.publicKey }, 'bad-signature'],
    ] as const) {
      expect(await say(ada, carol, commitment(carol, said))).toEqual(refusal(reason))
    }
    expect(await say(ada, stranger, commitment(stranger))).toEqual(refusal('not-staked'))
    expect(await say(ada, carol, commitment(carol))).toEqual(taken)
    const next = { space: { root, leaves: leavesMin + 1 } }
    expect(await say(ada, carol, commitment(carol, next))).toEqual(refusal('too-soon'))
  })
})
