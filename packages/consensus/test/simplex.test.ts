import type { VoteKind } from '@hypermesh/consensus'
import { createSimplex, SIMPLEX_RULES } from '@hypermesh/consensus/testing'
import type { Simplex } from '@hypermesh/consensus/testing'
import { expect, test } from 'vitest'

const TIMING = { viewMs: 2000, idleMs: 400, precisionMs: 500, delayMs: 2000 }
const NOW = 1_780_000_000_000n

test.each([
  { ahead: 0n, failed: 0, isTimely: true },
  { ahead: 500n, failed: 0, isTimely: true },
  { ahead: 501n, failed: 0, isTimely: false },
  { ahead: 501n, failed: 9, isTimely: false },
  { ahead: -2500n, failed: 0, isTimely: true },
  { ahead: -2501n, failed: 0, isTimely: false },
  { ahead: -3500n, failed: 1, isTimely: true },
  { ahead: -3501n, failed: 1, isTimely: false },
  { ahead: -60_000n, failed: 1000, isTimely: false },
])(
  'a time $ahead ms from now is timely after $failed failed views: $isTimely',
  ({ ahead, failed, isTimely }) => {
    expect(SIMPLEX_RULES.isTimely(NOW + ahead, NOW, failed, TIMING)).toBe(isTimely)
  },
)

test('votes for views far ahead are not listened to: whoever is there has certificates', () => {
  const hash = new Uint8Array(32).fill(1)
  const simplex = follower()
  const vote = (view: bigint) =>
    ({
      kind: 'notarize',
      epoch: 0n,
      view,
      hash,
      validator: 2,
      signature: new Uint8Array(64),
    }) as const
  expect([0n, 1n, 2n, 3n, 1000n].map((view) => simplex.isNews(vote(view)))).toEqual([
    false,
    true,
    true,
    false,
    false,
  ])
  for (const view of [3n, 1000n]) simplex.step({ type: 'vote', vote: vote(view) })
  expect(simplex.certificates(1n, 1000n)).toEqual([])
  expect(simplex.view).toBe(1n)
})

test('votes inside certificates are evidence as well', () => {
  const simplex = follower()
  const certified = (kind: VoteKind, block: number, signers: readonly number[]) => {
    const signatures = signers.map((validator) => ({ validator, signature: new Uint8Array(64) }))
    const hash = new Uint8Array(32).fill(block)
    return { kind, epoch: 0n, view: 1n, hash, certificate: { signatures } } as const
  }
  const accused = (one: ReturnType<typeof certified>): readonly number[] =>
    simplex
      .step({ type: 'certified', certified: one })
      .filter((effect) => effect.type === 'evidence')
      .map(({ evidence }) => evidence.first.validator)
  expect(accused(certified('notarize', 1, [0, 1, 2]))).toEqual([])
  expect(accused(certified('notarize', 2, [1, 2, 3]))).toEqual([1, 2])
  expect(accused(certified('nullify', 0, [0, 1, 3]))).toEqual([])
  expect(accused(certified('finalize', 1, [0, 1, 2]))).toEqual([0])
})

function follower(): Simplex {
  return createSimplex({
    validators: 4,
    epoch: 0n,
    genesis: new Uint8Array(32),
    leader: () => 0,
    rules: SIMPLEX_RULES,
    timing: TIMING,
  })
}
