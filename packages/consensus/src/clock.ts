/** Where time comes from. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): bigint
  /** Runs once, at `at` or soon after. @returns What cancels it. */
  wake(at: bigint, run: () => void): () => void
}
