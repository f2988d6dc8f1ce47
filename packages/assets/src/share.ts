import { AssetsError } from './errors.ts'

/** Most nodes that share one machine. */
export const SHARES_MAX = 4_096

/** Which part of its machine a node lends: the `index`-th (from 0) of `of` equal parts. */
export interface Share {
  readonly index: number
  readonly of: number
}

/** @throws {AssetsError} `invalid-argument` when this is no part of a whole. */
export function checkShare({ index, of }: Share): void {
  const isWhole = Number.isSafeInteger(index) && Number.isSafeInteger(of)
  if (!isWhole || of < 1 || of > SHARES_MAX || index < 0 || index >= of) {
    throw new AssetsError('invalid-argument', `share ${index} of ${of}`)
  }
}

/** This share of a total. The shares of all nodes add up to the total exactly: the first ones take the remainder. */
export function shareOf(total: bigint, { index, of }: Share): bigint {
  const parts = BigInt(of)
  return total / parts + (BigInt(index) < total % parts ? 1n : 0n)
}
