/** The system's clock, for every package that takes one. */
export interface SystemClock {
  /** Milliseconds since 1970. */
  now(): bigint
  /** Runs `run` at `at` or soon after; the result takes it back. */
  wake(at: bigint, run: () => void): () => void
}

/** Node's timers take no longer delay; a later one is set again. */
const DELAY_MAX = 2_147_483_647n

export const systemClock: SystemClock = {
  now: () => BigInt(Date.now()),
  wake: (at, run) => {
    let timer: NodeJS.Timeout
    const set = (): void => {
      const delay = at - systemClock.now()
      timer =
        delay > DELAY_MAX
          ? setTimeout(set, Number(DELAY_MAX))
          : setTimeout(run, Number(delay < 0n ? 0n : delay))
    }
    set()
    return () => clearTimeout(timer)
  },
}
