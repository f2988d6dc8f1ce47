import type { Amounts, AssetKind } from './asset.ts'
import { ASSET_KINDS } from './asset.ts'
import { AssetsError } from './errors.ts'

/** Most loans one book holds: a peer can open them, so their number has a limit. */
export const LEASES_MAX = 1_024

/** Most loans one holder has, so that one peer cannot fill the book. */
export const LEASES_PER_HOLDER_MAX = 256

/** Longest loan, 30 days in milliseconds: what is lent comes back even when nobody remembers it. */
export const LEASE_MS_MAX = 2_592_000_000n

/** One loan as the book sees it. `id` and `holder` are hex. */
export interface Loan {
  readonly id: string
  readonly holder: string
  readonly amounts: Amounts
  readonly until: bigint
}

/** What is lendable, what is lent, and the time up to which that is true. */
export interface LeaseBook {
  readonly now: bigint
  readonly capacity: Amounts
  readonly loans: ReadonlyMap<string, Loan>
}

export type BookEvent =
  /** From now on so much of a kind is lendable; less than is lent only stops new loans. */
  | { readonly type: 'capacity'; readonly kind: AssetKind; readonly amount: bigint }
  | { readonly type: 'claim'; readonly loan: Loan }
  | { readonly type: 'release'; readonly id: string }
  | { readonly type: 'tick' }

export type BookRefusal =
  | { readonly code: 'over-capacity'; readonly kind: AssetKind; readonly free: bigint }
  | { readonly code: 'book-full' }
  | { readonly code: 'holder-full' }
  | { readonly code: 'ends-in-the-past'; readonly now: bigint }
  | { readonly code: 'too-long'; readonly longestMs: bigint }
  | { readonly code: 'nothing-asked' }
  | { readonly code: 'lease-exists' }
  | { readonly code: 'no-such-lease' }

/** What a step came to. `ended` are the loans whose time ran out in it. */
export interface BookStep {
  readonly book: LeaseBook
  readonly ended: readonly Loan[]
  readonly refusal?: BookRefusal
}

/** A book in which nothing is lendable yet. */
export function openBook(now: bigint): LeaseBook {
  return { now, capacity: { cpu: 0n, memory: 0n, storage: 0n }, loans: new Map() }
}

/**
 * Applies one event, after ending every loan whose time has come.
 *
 * @param now - Milliseconds; never less than in the step before.
 * @throws {AssetsError} `time-went-back` when it is: the clock is broken, and so is every answer after.
 */
export function step(book: LeaseBook, event: BookEvent, now: bigint): BookStep {
  if (now < book.now) throw new AssetsError('time-went-back', `now ${now} is before ${book.now}`)
  const { book: current, ended } = expire(book, now)
  switch (event.type) {
    case 'capacity': {
      const capacity = { ...current.capacity, [event.kind]: event.amount }
      return { book: { ...current, capacity }, ended }
    }
    case 'claim': {
      const refusal = refuse(current, event.loan)
      if (refusal !== undefined) return { book: current, ended, refusal }
      const loans = new Map(current.loans).set(event.loan.id, event.loan)
      return { book: { ...current, loans }, ended }
    }
    case 'release': {
      const loans = new Map(current.loans)
      if (loans.delete(event.id)) return { book: { ...current, loans }, ended }
      return { book: current, ended, refusal: { code: 'no-such-lease' } }
    }
    case 'tick':
      return { book: current, ended }
    default:
      return event satisfies never
  }
}

/** What of each kind is neither lent nor owed; 0 where more is lent than is lendable now. */
export function free(book: LeaseBook): Amounts {
  const lent = lentOf(book)
  const left = (kind: AssetKind): bigint => {
    const rest = book.capacity[kind] - lent[kind]
    return rest > 0n ? rest : 0n
  }
  return { cpu: left('cpu'), memory: left('memory'), storage: left('storage') }
}

/** The sum of all loans, those held while the ledger orders them included. */
export function lentOf(book: LeaseBook): Amounts {
  const lent = { cpu: 0n, memory: 0n, storage: 0n }
  for (const { amounts } of book.loans.values()) {
    for (const kind of ASSET_KINDS) lent[kind] += amounts[kind]
  }
  return lent
}

/** Why this loan cannot be made now; undefined when it can. */
export function refuse(book: LeaseBook, loan: Loan): BookRefusal | undefined {
  if (loan.until <= book.now) return { code: 'ends-in-the-past', now: book.now }
  if (loan.until - book.now > LEASE_MS_MAX) return { code: 'too-long', longestMs: LEASE_MS_MAX }
  if (ASSET_KINDS.every((kind) => loan.amounts[kind] === 0n)) return { code: 'nothing-asked' }
  if (book.loans.has(loan.id)) return { code: 'lease-exists' }
  if (book.loans.size >= LEASES_MAX) return { code: 'book-full' }
  const held = book.loans.values().filter(({ holder }) => holder === loan.holder)
  if ([...held].length >= LEASES_PER_HOLDER_MAX) return { code: 'holder-full' }
  const left = free(book)
  for (const kind of ASSET_KINDS) {
    // Below zero a claim would add to what is free.
    if (loan.amounts[kind] < 0n || loan.amounts[kind] > left[kind]) {
      return { code: 'over-capacity', kind, free: left[kind] }
    }
  }
  return undefined
}

// A loan that ends exactly now has ended: two holders never share an instant.
function expire(book: LeaseBook, now: bigint): { book: LeaseBook; ended: readonly Loan[] } {
  const ended = [...book.loans.values()].filter((loan) => loan.until <= now)
  if (ended.length === 0) return { book: { ...book, now }, ended }
  const loans = new Map(book.loans)
  for (const loan of ended) loans.delete(loan.id)
  return { book: { ...book, now, loans }, ended }
}
