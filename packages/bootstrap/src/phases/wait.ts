import { setTimeout as pause } from 'node:timers/promises'

import { BootstrapError } from '../errors.ts'

/** Others are asked again this often. */
const POLL_MS = 50

/** A phase that has not come this far in this time needs a person: a member is missing, or the network. */
const STALL_MS = 60_000

/**
 * Asks until the answer is there.
 *
 * @param what - What is waited for, for the error.
 * @throws {BootstrapError} `phase-stalled` after a minute.
 */
export async function until<T>(
  what: string,
  signal: AbortSignal,
  ask: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  let reason: unknown
  for (const end = performance.now() + STALL_MS; performance.now() < end;) {
    signal.throwIfAborted()
    try {
      const answer = await ask()
      if (answer !== undefined) return answer
    } catch (error) {
      // The others start when they start; why it failed last is what a person will want to know.
      reason = error
    }
    // Woken early, it says why: the node is closed, or its ledger has failed.
    await pause(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
  throw new BootstrapError(
    'phase-stalled',
    `waited ${STALL_MS / 1000} s for ${what}${reason instanceof Error ? `; last: ${reason.message}` : ''}`,
    { cause: reason },
  )
}
