import type { BookEvent, LeaseBook, Loan } from '@hypermesh/assets'
import {
  ASSET_KINDS,
  free,
  LEASE_MS_MAX,
  LEASES_MAX,
  LEASES_PER_HOLDER_MAX,
  lentOf,
  openBook,
  step,
} from '@hypermesh/assets'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const CAPACITY = { cpu: 4_000n, memory: 1_000n, storage: 500n }

function opened(): LeaseBook {
  let book = openBook(0n)
  for (const kind of ASSET_KINDS) {
    book = step(book, { type: 'capacity', kind, amount: CAPACITY[kind] }, 0n).book
  }
  return book
}

function loan(id: string, asked: Partial<Loan['amounts']>, rest: Partial<Loan> = {}): Loan {
  const amounts = { cpu: 0n, memory: 0n, storage: 0n, ...asked }
  return { id, holder: 'a', amounts, until: 100n, ...rest }
}

function claim(book: LeaseBook, what: Loan, now = 0n) {
  return step(book, { type: 'claim', loan: what }, now)
}

test.each([
  { asked: { memory: 1_000n }, code: undefined },
  { asked: { memory: 1_001n }, code: 'over-capacity' },
  { asked: { memory: -1n, cpu: 1n }, code: 'over-capacity' },
  { asked: { cpu: 4_000n, memory: 1_000n, storage: 500n }, code: undefined },
  { asked: { cpu: 1n, storage: 501n }, code: 'over-capacity' },
  { asked: {}, code: 'nothing-asked' },
])('of a fresh book $asked is refused as $code', ({ asked, code }) => {
  expect(claim(opened(), loan('1', asked)).refusal?.code).toBe(code)
})

test.each([
  { until: 10n, code: 'ends-in-the-past' },
  { until: 9n, code: 'ends-in-the-past' },
  { until: 11n, code: undefined },
  { until: 10n + LEASE_MS_MAX, code: undefined },
  { until: 11n + LEASE_MS_MAX, code: 'too-long' },
])('at 10 a loan until $until is refused as $code', ({ until, code }) => {
  expect(claim(opened(), loan('1', { cpu: 1n }, { until }), 10n).refusal?.code).toBe(code)
})

test('what is released can be lent again, and only once', () => {
  const lent = claim(opened(), loan('1', { memory: 1_000n })).book
  expect(claim(lent, loan('2', { memory: 1n })).refusal).toEqual({
    code: 'over-capacity',
    kind: 'memory',
    free: 0n,
  })
  const released = step(lent, { type: 'release', id: '1' }, 1n)
  expect(released.refusal).toBeUndefined()
  expect(free(released.book)).toEqual(CAPACITY)
  const again = step(released.book, { type: 'release', id: '1' }, 1n)
  expect(again.refusal).toEqual({ code: 'no-such-lease' })
})

test('one name is lent once', () => {
  const { book } = claim(opened(), loan('1', { cpu: 1n }))
  expect(claim(book, loan('1', { cpu: 1n })).refusal).toEqual({ code: 'lease-exists' })
})

test('a loan ends at its instant, not after', () => {
  const { book } = claim(opened(), loan('1', { memory: 1_000n }))
  expect(step(book, { type: 'tick' }, 99n).ended).toEqual([])
  expect(step(book, { type: 'tick' }, 100n).ended.map(({ id }) => id)).toEqual(['1'])
  expect(claim(book, loan('2', { memory: 1_000n }, { until: 200n }), 100n).refusal).toBeUndefined()
})

test('capacity below what is lent stops new loans and takes none back', () => {
  const { book } = claim(opened(), loan('1', { memory: 800n }))
  const shrunk = step(book, { type: 'capacity', kind: 'memory', amount: 500n }, 0n).book
  expect(shrunk.loans.size).toBe(1)
  expect(free(shrunk).memory).toBe(0n)
  expect(claim(shrunk, loan('2', { memory: 1n })).refusal?.code).toBe('over-capacity')
})

test('nobody fills the book alone, and the book has an end', () => {
  let book = opened()
  for (let count = 0; count < LEASES_MAX; count += 1) {
    const holder = `holder ${Math.floor(count / LEASES_PER_HOLDER_MAX)}`
    const made = claim(book, loan(`${count}`, { cpu: 1n }, { holder }))
    expect(made.refusal).toBeUndefined()
    book = made.book
    if (count === LEASES_PER_HOLDER_MAX - 1) {
      const more = claim(book, loan('more', { cpu: 1n }, { holder }))
      expect(more.refusal).toEqual({ code: 'holder-full' })
    }
  }
  const last = claim(book, loan('last', { cpu: 1n }, { holder: 'someone else' }))
  expect(last.refusal).toEqual({ code: 'book-full' })
})

test('a clock that goes back is an error', () => {
  const { book } = step(opened(), { type: 'tick' }, 5n)
  expect(() => step(book, { type: 'tick' }, 4n)).toThrow(
    expect.objectContaining({ name: 'AssetsError', code: 'time-went-back' }),
  )
})

test('however claims, releases and time mix, no more is lent than there is', () => {
  const amount = fc.bigInt({ min: -5n, max: 1_200n })
  const name = fc.constantFrom('1', '2', '3', '4', '5', '6')
  const event: fc.Arbitrary<BookEvent> = fc.oneof(
    fc.record({
      type: fc.constant('claim' as const),
      loan: fc.record({
        id: name,
        holder: fc.constantFrom('a', 'b'),
        amounts: fc.record({ cpu: amount, memory: amount, storage: amount }),
        until: fc.bigInt({ min: 0n, max: 60n }),
      }),
    }),
    fc.record({ type: fc.constant('release' as const), id: name }),
    fc.constant({ type: 'tick' as const }),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.bigInt({ min: 0n, max: 5n }))), (events) => {
      let book = opened()
      for (const [each, passed] of events) {
        const now = book.now + passed
        ;({ book } = step(book, each, now))
        const lent = lentOf(book)
        for (const kind of ASSET_KINDS) {
          expect(lent[kind]).toBeGreaterThanOrEqual(0n)
          expect(lent[kind] + free(book)[kind]).toBe(CAPACITY[kind])
        }
        for (const { until } of book.loans.values()) expect(until).toBeGreaterThan(now)
      }
    }),
  )
})
