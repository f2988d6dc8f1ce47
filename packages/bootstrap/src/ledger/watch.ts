import type { Consensus } from '@hypermesh/consensus'

/**
 * Looks at once and after every final block, until something is there.
 *
 * @returns Undefined when the signal comes first.
 */
export async function watch<T>(
  consensus: Consensus,
  signal: AbortSignal,
  look: () => T | undefined,
): Promise<T | undefined> {
  const found = Promise.withResolvers<T | undefined>()
  const again = (): void => {
    const seen = look()
    if (seen !== undefined) found.resolve(seen)
  }
  const giveUp = (): void => found.resolve(undefined)
  const stop = consensus.follow(again)
  signal.addEventListener('abort', giveUp)
  if (signal.aborted) giveUp()
  again()
  try {
    return await found.promise
  } finally {
    stop()
    signal.removeEventListener('abort', giveUp)
  }
}
