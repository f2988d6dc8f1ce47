/**
 * What a host can do, found by trying it. What it cannot do carries the reason and, where there is one, what to do
 * about it: never a zero that looks like a measurement.
 */
export type Probe<T> =
  | { readonly available: true; readonly value: T }
  | { readonly available: false; readonly reason: string; readonly remedy?: string }

export function available<T>(value: T): Probe<T> {
  return { available: true, value }
}

export function unavailable(reason: string, remedy?: string): Probe<never> {
  return { available: false, reason, ...(remedy === undefined ? {} : { remedy }) }
}

/** The system's own name of an error (`ENOENT`), or undefined where it has none. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
