import {
  audit,
  createProver,
  groundOf,
  headerHash,
  openConsensus,
  performWork,
  recordCommitment,
  verifyDeep,
  verifyInline,
} from '@hypermesh/consensus'
import type {
  Application,
  BlockContext,
  Consensus,
  ProofGround,
  StateView,
  Write,
} from '@hypermesh/consensus'
import { simulate, simulatedStorage } from '@hypermesh/consensus/testing'
import { concat } from '@hypermesh/crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { KEYS, node, pause, POLICY, SUBJECT, temporaryFolder, TERMS, text } from './proofs.mesh.ts'
import type { Node } from './proofs.mesh.ts'

const COMMIT = 0
const REGISTER = 1

/** A ledger of assets: it takes commitments, and registers an asset for a proof. */
const assets: Application = {
  check: (operation, state, context) => {
    const outcome = outcomeOf(operation, state, context)
    return outcome.ok ? { ok: true } : { ok: false, reason: outcome.reason }
  },
  apply: (operation, state, context) => {
    const outcome = outcomeOf(operation, state, context)
    return outcome.ok ? [outcome.write] : []
  },
}

type Outcome =
  | { readonly ok: true; readonly write: Write }
  | { readonly ok: false; readonly reason: string }

function outcomeOf(operation: Uint8Array, state: StateView, context: BlockContext): Outcome {
  const content = operation.subarray(1)
  if (operation[0] === COMMIT) return recordCommitment(content, state, context, POLICY)
  const owner = content.subarray(0, 32)
  const { chainId, validators, timestamp: now } = context
  const question = { chainId, validators, now, policy: POLICY, subject: SUBJECT, owner }
  const checked = verifyInline(content.subarray(32), question)
  if (checked.ok) return { ok: true, write: { key: text('asset'), value: owner } }
  return { ok: false, reason: `${checked.reason.part}: ${checked.reason.code}` }
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let honest: Node

beforeAll(async () => {
  folder = await temporaryFolder()
  honest = await node(0, folder.path)
})

afterAll(async () => {
  await honest.space[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

test('on a running chain a node commits, is challenged, audited, and registers an asset', async () => {
  const world = simulate({ seed: 7, nodes: 4 })
  const nodes: Consensus[] = []
  for (const [index, key] of KEYS.entries()) {
    nodes.push(
      await openConsensus({
        chainId: TERMS.chainId,
        validators: TERMS.validators,
        self: { index, key },
        network: world.network(index),
        clock: world.clock,
        storage: simulatedStorage(),
        application: assets,
        genesis: [],
      }),
    )
  }
  const chain = nodes[0]!
  const { key, owner, space } = honest
  await world.run(3_000)

  const seeds = chain.head()!.header
  const seed = headerHash(seeds)
  const seedHeight = seeds.height
  const work = await performWork({ owner, units: 16, cost: 8, seed, seedHeight, pause })
  const prover = createProver({ key, ...TERMS, space, work })

  const grounds: ProofGround[] = []
  chain.follow(() => grounds.push(...[groundOf(chain, owner)].filter((one) => one !== undefined)))
  const commitment = concat(Uint8Array.of(COMMIT), prover.commit(seeds.epoch))
  const committed = chain.submit(commitment)
  await world.run(8_000)
  expect(await committed).toMatchObject({ ok: true })
  expect(grounds.length).toBeGreaterThanOrEqual(1)
  expect(grounds.length).toBeLessThanOrEqual(4)

  const ground = grounds[0]!
  const { auditors, request } = prover.request(ground)
  const now = ground.finalized.header.timestamp + 100n
  const audited = await audit(request, { ...TERMS, now, key: KEYS[auditors[0]!]!, pause })
  if (!audited.ok) throw new Error(JSON.stringify(audited.reason))
  const claim = { subject: SUBJECT, attestation: audited.attestation, at: now }
  const proof = await prover.prove(ground, claim)
  if (!proof.ok) throw new Error(JSON.stringify(proof.reason))
  const question = { ...TERMS, now, subject: SUBJECT, owner, pause }
  expect((await verifyDeep(proof.bytes, question)).ok).toBe(true)

  const operation = concat(Uint8Array.of(REGISTER), owner, proof.bytes)
  const broken = chain.submit(operation.with(operation.length - 20, operation.at(-20)! ^ 1))
  const stolen = chain.submit(concat(Uint8Array.of(REGISTER), KEYS[1]!.publicKey, proof.bytes))
  const registered = chain.submit(operation)
  await world.run(3_000)
  expect(await broken).toMatchObject({ ok: false, code: 'refused' })
  expect(await stolen).toMatchObject({ ok: false, reason: 'subject: other-owner' })
  expect(await registered).toMatchObject({ ok: true })
  for (const one of nodes) expect(one.state().get(text('asset'))).toEqual(owner)

  // Long after, the same proof is too old for anything.
  await world.run(61_000)
  expect(groundOf(chain, owner)).toBeUndefined()
  const { header } = chain.head()!
  expect(verifyInline(proof.bytes, { ...question, now: header.timestamp })).toEqual({
    ok: false,
    reason: { part: 'time', code: 'too-old' },
  })
  for (const one of nodes) await one[Symbol.asyncDispose]()
})
