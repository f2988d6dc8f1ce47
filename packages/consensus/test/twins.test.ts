import { expect, test } from 'vitest'

import { play } from './twins.ts'
import type { Cut, Outcome, Scenario } from './twins.ts'

/** Four validators, of which 0 lies: it is two instances with one key. */
const IDENTITIES = [0, 0, 1, 2, 3]
const ONE_HEARS = [0, 1, 2, 3, 4].map((instance) => 1 << instance)
const ALL_SUBSETS = 32
const SETS = ALL_SUBSETS * ONE_HEARS.length

/** Every set of instances that may hear the first view's block, with each one that alone may hear it is final. */
function* scenarios(rounds: number): Generator<Scenario> {
  for (let seed = 0; seed < SETS * rounds; seed++) {
    let state = Math.imul(seed, 2_654_435_761) >>> 0
    const draw = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    draw(1)
    const cut = (): Cut => ({
      notarize: draw(ALL_SUBSETS),
      nullify: draw(ALL_SUBSETS),
      finalize: ONE_HEARS[draw(5)] ?? 0,
    })
    const first = {
      notarize: seed % ALL_SUBSETS,
      nullify: draw(ALL_SUBSETS),
      finalize: ONE_HEARS[Math.floor(seed / ALL_SUBSETS) % 5] ?? 0,
    }
    yield {
      identities: IDENTITIES,
      cuts: [first, cut(), cut(), cut()],
      leaders: [draw(4), draw(4), draw(4), draw(4)],
      seed,
    }
  }
}

const RESTARTS = [
  { instance: 3, view: 1n },
  { instance: 3, view: 2n },
  { instance: 4, view: 3n },
]

function isSound({ forks, liars, accused, finalView }: Outcome): boolean {
  return forks === 0 && liars.length === 0 && accused.every((one) => one === 0) && finalView >= 12n
}

test.each([
  { name: 'one validator lies', change: {} },
  { name: 'one lies and two others are restarted', change: { restarts: RESTARTS } },
])('however messages are lost while $name, all agree and go on', ({ change }) => {
  for (const scenario of scenarios(1)) {
    const run = { ...scenario, ...change }
    const outcome = play(run)
    expect(isSound(outcome), JSON.stringify({ run, outcome }, jsonable)).toBe(true)
  }
})

test('a validator that lies is found out', () => {
  const accused = [...scenarios(1)].map((scenario) => play(scenario).accused)
  expect(accused.some((one) => one.includes(0))).toBe(true)
})

test('with more liars than a third, the chain can fork, and the liars are accused', () => {
  const outcomes = [...scenarios(1)].map((scenario) => {
    const cuts = scenario.cuts.map(({ notarize, nullify }) => ({ notarize, nullify, finalize: 63 }))
    return play({ ...scenario, cuts, identities: [0, 0, 1, 1, 2, 3] })
  })
  expect(outcomes.some(({ forks }) => forks > 0)).toBe(true)
  expect(outcomes.every(({ accused }) => accused.every((one) => one < 2))).toBe(true)
})

// "Nullify after finalize" is not in the list: whoever finalizes a view has left it, so that rule cannot be broken.
const BROKEN: readonly (Partial<Scenario> & { readonly name: string })[] = [
  { name: 'a quorum of one vote too few', rules: { quorum: () => 2 } },
  { name: 'finalize after nullify', rules: { mayFinalize: (own) => !own.finalized } },
  { name: 'a view skipped without its nullification', rules: { maySkip: () => true } },
  { name: 'two notarize votes in a view', rules: { mayNotarize: (own) => !own.nullified } },
  { name: 'a journal that is forgotten', restarts: RESTARTS, keepsJournal: false },
]

test.each(BROKEN)('these scenarios find $name', (change) => {
  const found = scenarios(5).some((scenario) => {
    const { forks, liars } = play({ ...scenario, ...change })
    return forks > 0 || liars.length > 0
  })
  expect(found).toBe(true)
})

function jsonable(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
