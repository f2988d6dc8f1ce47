import {
  ANCESTORS_MAX,
  commitmentCodec,
  commitmentKey,
  headerHash,
  performWork,
  recordCommitment,
  recordedCodec,
  SEED_AGE_MAX,
  signCommitment,
  unitOutput,
} from '@hypermesh/consensus'
import type { BlockContext, Commitment, StateView } from '@hypermesh/consensus'
import { sha256, signingKeyFromSeed, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  CHAIN,
  context,
  EPOCH,
  flip,
  header,
  KEYS,
  pause,
  POLICY,
  SEED_HEADER,
  stateOf,
  text,
  VALIDATORS,
  valueOf,
} from './proofs.mesh.ts'

const KEY = KEYS[0]!
const COMMITMENT: Commitment = {
  chainId: CHAIN,
  owner: KEY.publicKey,
  epoch: EPOCH,
  space: { root: sha256(text('space')), leaves: 64 },
  work: {
    root: sha256(text('work')),
    units: 32,
    cost: 16,
    seed: headerHash(SEED_HEADER),
    seedHeight: 40n,
  },
}
const SIGNED = signCommitment(KEY, COMMITMENT)

const take = (
  bytes: Uint8Array,
  { state = stateOf(), ...fields }: Partial<BlockContext> & { state?: StateView } = {},
): ReturnType<typeof recordCommitment> => recordCommitment(bytes, state, context(fields), POLICY)

const commit = (fields: Partial<Commitment>, key = KEY): Uint8Array =>
  signCommitment(key, { ...COMMITMENT, ...fields })

describe('a commitment', () => {
  test('is recorded under its owner, with the block that took it in', () => {
    const outcome = take(SIGNED)
    if (!outcome.ok) throw new Error(outcome.reason)
    expect(outcome.owner).toEqual(KEY.publicKey)
    expect(outcome.write.key).toEqual(commitmentKey(KEY.publicKey))
    expect(valueOf(recordedCodec.decode(outcome.write.value!))).toMatchObject({
      commitment: COMMITMENT,
      height: 50n,
      timestamp: 1_005_000n,
    })
  })

  const stranger = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(9))
  const { space, work } = COMMITMENT
  test.each([
    { what: 'for another chain', bytes: commit({ chainId: sha256() }), reason: 'other-chain' },
    { what: 'for another epoch', bytes: commit({ epoch: EPOCH + 1n }), reason: 'other-epoch' },
    {
      what: 'to 31 leaves',
      bytes: commit({ space: { ...space, leaves: 31 } }),
      reason: 'too-small',
    },
    { what: 'to 15 units', bytes: commit({ work: { ...work, units: 15 } }), reason: 'too-small' },
    { what: 'to cheap units', bytes: commit({ work: { ...work, cost: 7 } }), reason: 'too-small' },
    { what: 'signed by another', bytes: commit({}, KEYS[1]), reason: 'bad-signature' },
    {
      what: 'of one who is no validator',
      bytes: commit({ owner: stranger.publicKey }, stranger),
      reason: 'not-staked',
    },
    {
      what: 'seeded by no block',
      bytes: commit({ work: { ...work, seed: sha256() } }),
      reason: 'bad-seed',
    },
    {
      what: 'seeded by a block that is not there',
      bytes: commit({ work: { ...work, seedHeight: 41n } }),
      reason: 'bad-seed',
    },
    { what: 'that is nonsense', bytes: text('nonsense'), reason: 'wrong-type' },
    { what: 'that is too long', bytes: new Uint8Array(2000), reason: 'too-long' },
  ])('$what is refused: $reason', ({ bytes, reason }) => {
    expect(take(bytes)).toEqual({ ok: false, reason })
  })

  test('of one with too little stake is refused', () => {
    const validators = VALIDATORS.with(0, { key: KEY.publicKey, stake: 9n })
    expect(take(SIGNED, { validators })).toEqual({ ok: false, reason: 'not-staked' })
  })

  test('seeded by an old block is refused', () => {
    const latest = SEED_HEADER.timestamp + SEED_AGE_MAX
    expect(take(SIGNED, { timestamp: latest }).ok).toBe(true)
    expect(take(SIGNED, { timestamp: latest + 1n })).toEqual({ ok: false, reason: 'bad-seed' })
  })

  test('seeded by a block of another branch is refused', () => {
    const ancestor = (height: bigint): ReturnType<typeof header> => header({ height, view: 1n })
    expect(take(SIGNED, { ancestor })).toEqual({ ok: false, reason: 'bad-seed' })
    expect(ANCESTORS_MAX).toBeGreaterThan(1024n)
  })

  test('that follows the last one too soon is refused, and so no second chance is bought', () => {
    const first = take(SIGNED)
    if (!first.ok) throw new Error(first.reason)
    const state = stateOf([first.write.key, first.write.value!])
    const after = (ms: bigint): unknown => take(SIGNED, { state, timestamp: 1_005_000n + ms })
    expect(after(999n)).toEqual({ ok: false, reason: 'too-soon' })
    expect(after(1_000n)).toMatchObject({ ok: true })
  })

  test('of another owner does not stand in the way', () => {
    const first = take(SIGNED)
    if (!first.ok) throw new Error(first.reason)
    const state = stateOf([first.write.key, first.write.value!])
    expect(take(commit({ owner: KEYS[1]!.publicKey }, KEYS[1]), { state }).ok).toBe(true)
  })

  test('with any bit turned is refused', () => {
    fc.assert(
      fc.property(fc.nat({ max: SIGNED.length * 8 - 1 }), (bit) => {
        expect(take(flip(SIGNED, bit)).ok).toBe(false)
      }),
    )
  })

  test('made up or cut short is refused', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 600 }),
        fc.nat({ max: SIGNED.length - 1 }),
        (bytes, end) => {
          expect(take(bytes).ok).toBe(false)
          expect(take(SIGNED.subarray(0, end)).ok).toBe(false)
          expect(recordedCodec.decode(bytes).ok).toBe(false)
        },
      ),
    )
  })

  test('is written as it always was', () => {
    expect(toHex(SIGNED)).toBe(GOLDEN.commitment)
    expect(commitmentCodec.encode(valueOf(commitmentCodec.decode(SIGNED)))).toEqual(SIGNED)
  })
})

describe('work', () => {
  const seed = headerHash(SEED_HEADER)
  const options = { owner: KEY.publicKey, units: 32, cost: 16, seed, seedHeight: 40n, pause }

  test('is the hash of owner, seed and place, hashed again for its cost', async () => {
    const work = await performWork(options)
    const place = new Uint8Array(8).with(7, 5)
    let expected = sha256(sha256(text('hypermesh/work/1')), KEY.publicKey, seed, place)
    for (let step = 0; step < 16; step += 1) expected = sha256(expected)
    expect(work.open(5).output).toEqual(expected)
    expect(unitOutput({ owner: KEY.publicKey, seed, cost: 16 }, 5)).toEqual(expected)
    expect(toHex(work.root)).toBe(GOLDEN.work)
  })

  test('lets others run after each unit', async () => {
    let pauses = 0
    await performWork({ ...options, pause: async () => (pauses += 1) })
    expect(pauses).toBe(32)
  })

  test.each([
    { units: 7 },
    { units: 2 ** 20 + 1 },
    { units: 8.5 },
    { cost: 0 },
    { cost: 2 ** 16 + 1 },
    { cost: Number.NaN },
  ])('outside the limits is not begun: %o', async (fields) => {
    await expect(performWork({ ...options, ...fields })).rejects.toMatchObject({
      code: 'out-of-range',
    })
  })
})

const GOLDEN = {
  commitment:
    '83781b68797065726d6573682f7369676e65642d636f6d6d69746d656e7401a2697369676e617475' +
    '72655840412c33aec4603af2a6531a905170160ff34a212c681b9742d563ae73bcfc2ecef6cf39a2' +
    '8476c0b4c1ef5f5be95d647d0f8066f13208f956b551b3b0107b65046a636f6d6d69746d656e74a5' +
    '64776f726ba564636f73741064726f6f74582000e13ed7af55b27622f1d6eab5bec0147e68efe28d' +
    'c2b12461117afa1a5ed40e6473656564582088dcdb5efce1ff6331fe1a25f073fe15a332f17157bd' +
    'a0ed5b5af768c34d7d1865756e69747318206a7365656448656967687418286565706f636803656f' +
    '776e657258208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c6573' +
    '70616365a264726f6f7458203f49dbbfe051cb20cc038923424fedf8d18307cc805e1520e4168e93' +
    '60e2eb38666c6561766573184067636861696e496458200ab1323be1669d9762683ffb9c2d9a0295' +
    '267fad200509b697349978285f1672',
  work: 'c3fa1b3466d1973ec112fe80fc204131133cd6f61fd4118d5fd9d27a1641dc85',
}
