import {
  claimBytes,
  createProver,
  createTree,
  proofCodec,
  stakePath,
  verifyInline,
} from '@hypermesh/consensus'
import type { SpaceSource } from '@hypermesh/consensus'
import { sha256 } from '@hypermesh/crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  KEYS,
  POLICY,
  SUBJECT,
  TERMS,
  VALIDATORS,
  attest,
  ground,
  header,
  openStage,
  recordedBy,
  refused,
  text,
  valueOf,
} from './proofs.mesh.ts'
import type { Stage } from './proofs.mesh.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage()
})

afterAll(() => stage[Symbol.asyncDispose]())

describe('where: a lazy prover', () => {
  test('that has deleted its bytes is refused', async () => {
    const emptied: SpaceSource = {
      ...stage.honest.space,
      answer: async (seed) => {
        const { openings } = await stage.honest.space.answer(seed)
        return {
          openings: openings.map(({ index, path }) => ({
            index,
            path,
            leaf: new Uint8Array(1024),
          })),
        }
      },
    }
    const prover = createProver({
      key: stage.honest.key,
      ...TERMS,
      space: emptied,
      work: stage.honest.work,
    })
    expect(
      await prover.prove(stage.on, {
        subject: SUBJECT,
        attestation: stage.attestation,
        at: 1_005_110n,
      }),
    ).toEqual(refused('space', 'wrong-path'))
  })

  test.each([
    { what: 'the bytes of another node', code: 'not-sealed' },
    { what: 'bytes that it can make at will', code: 'wrong-leaves' },
  ])('that commits to $what is refused: $code', async ({ code }) => {
    const space = code === 'not-sealed' ? stage.other.space : inMemory(64)
    const prover = createProver({ key: stage.honest.key, ...TERMS, space, work: stage.honest.work })
    const where = ground(stage.honest.owner, recordedBy(prover))
    const word = await attest(prover, where)
    const outcome = await prover.prove(where, {
      subject: SUBJECT,
      attestation: word,
      at: 1_005_110n,
    })
    expect(outcome).toEqual(refused('space', code))
  })

  test('that shows leaves it was not asked for is refused', () => {
    const without = stage.changed(({ space }) => ({ space: { openings: space.openings.slice(1) } }))
    expect(stage.verdict(without)).toEqual(refused('space', 'wrong-leaves'))
    const twice = stage.changed(({ space }) => ({
      space: { openings: [space.openings[0]!, ...space.openings.slice(0, -1)] },
    }))
    expect(stage.verdict(twice)).toEqual(refused('space', 'wrong-leaves'))
  })

  test('that adds a leaf is refused', async () => {
    const { openings } = await stage.honest.space.answer(sha256(text('another challenge')))
    const proof = valueOf(proofCodec.decode(stage.bytes))
    const known = new Set(proof.space.openings.map(({ index }) => index))
    const extra = openings.find(({ index }) => !known.has(index))!
    const more = stage.changed(({ space }) => ({
      space: { openings: [...space.openings, extra].sort((a, b) => a.index - b.index) },
    }))
    expect(stage.verdict(more)).toEqual(refused('space', 'wrong-leaves'))
  })
})

describe('who: a proof', () => {
  const sign = (by: number, claim: Partial<Parameters<typeof claimBytes>[1]> = {}): Uint8Array =>
    stage.changed(({ stake, time, header }) => ({
      stake: {
        ...stake,
        signature: KEYS[by]!.sign(
          claimBytes(header, {
            subject: SUBJECT,
            owner: stage.honest.owner,
            at: time.at,
            ...claim,
          }),
        ),
      },
    }))

  test('signed by its owner is the honest one', () => {
    expect(sign(0)).toEqual(stage.bytes)
  })

  test.each([
    { what: 'by another key', by: 1, claim: {} },
    { what: 'for another asset', by: 0, claim: { subject: sha256(text('other')) } },
    { what: 'for another owner', by: 0, claim: { owner: KEYS[1]!.publicKey } },
    { what: 'for another time', by: 0, claim: { at: 1_005_111n } },
  ])('signed $what is refused', ({ by, claim }) => {
    expect(stage.verdict(sign(by, claim))).toEqual(refused('stake', 'bad-signature'))
  })

  test('signed for another header is refused', () => {
    const old = header({ height: 51n })
    const signature = stage.honest.key.sign(
      claimBytes(old, { subject: SUBJECT, owner: stage.honest.owner, at: 1_005_110n }),
    )
    const proof = stage.changed(({ stake }) => ({ stake: { ...stake, signature } }))
    expect(stage.verdict(proof)).toEqual(refused('stake', 'bad-signature'))
  })

  test.each([
    { what: 'of another validator', stake: { path: stakePath(VALIDATORS, 1) } },
    { what: 'to another place', stake: { index: 1, path: stakePath(VALIDATORS, 1) } },
    { what: 'with more stake than there is', stake: { stake: 101n } },
    { what: 'that leads nowhere', stake: { path: [] } },
  ])('with a path $what is refused', ({ stake }) => {
    const proof = stage.changed((whole) => ({ stake: { ...whole.stake, ...stake } }))
    expect(stage.verdict(proof)).toEqual(refused('stake', 'wrong-path'))
  })

  test('by one with too little stake is refused', () => {
    const policy = { ...POLICY, stakeMin: 101n }
    expect(stage.verdict(stage.bytes, { policy })).toEqual(refused('stake', 'too-little'))
  })

  test('cannot be made by a key without stake', () => {
    const { space, work } = stage.honest
    const validators = VALIDATORS.slice(1)
    expect(() =>
      createProver({ key: stage.honest.key, ...TERMS, validators, space, work }),
    ).toThrow(expect.objectContaining({ code: 'bad-options' }))
  })
})

describe('when: a proof', () => {
  const time = 1_005_100n
  test.each([
    { at: time - 500n, now: time + 900n, code: undefined },
    { at: time - 501n, now: time + 900n, code: 'out-of-bounds' },
    { at: time + 30_000n, now: time + 30_000n, code: undefined },
    { at: time + 30_001n, now: time + 30_001n, code: 'out-of-bounds' },
    { at: time + 700n, now: time + 200n, code: undefined },
    { at: time + 701n, now: time + 200n, code: 'in-the-future' },
    { at: time, now: time - 500n, code: undefined },
    { at: time, now: time - 501n, code: 'in-the-future' },
    { at: time - 500n, now: time - 501n, code: 'in-the-future' },
    { at: time, now: time + 60_000n, code: undefined },
    { at: time, now: time + 60_001n, code: 'too-old' },
  ] as const)('claimed at $at and judged at $now is $code', ({ at, now, code }) => {
    const signature = stage.honest.key.sign(
      claimBytes(stage.on.finalized.header, { subject: SUBJECT, owner: stage.honest.owner, at }),
    )
    const proof = stage.changed(({ stake }) => ({ time: { at }, stake: { ...stake, signature } }))
    const verdict = verifyInline(proof, { ...stage.question, now })
    if (code === undefined) expect(verdict.ok).toBe(true)
    else expect(verdict).toEqual(refused('time', code))
  })
})

function filled(index: number): Uint8Array {
  return new Uint8Array(1024).fill(index)
}

/** Space that is made when asked for. It opens no seal's parents, for it has none. */
function inMemory(leaves: number): SpaceSource {
  const tree = createTree(Array.from({ length: leaves }, (_, index) => filled(index)))
  return {
    root: tree.root,
    leaves,
    answer: async (seed) => {
      const asked = await stage.honest.space.answer(seed)
      return {
        openings: asked.openings.map(({ index }) => ({
          index,
          leaf: filled(index),
          path: tree.path(index),
        })),
      }
    },
  }
}
