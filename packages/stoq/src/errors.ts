/** What went wrong. A code never changes its meaning; the message is for people. */
export type StoqErrorCode =
  | 'port-taken'
  | 'address-unavailable'
  | 'no-binding'
  | 'unreachable'
  | 'timeout'
  | 'wrong-key'
  | 'refused'
  | 'closed'
  | 'reset'
  | 'aborted'
  | 'unknown-protocol'
  | 'failed'
  | 'too-long'
  | 'malformed'
  | 'truncated'
  | 'protocol-taken'
  | 'bad-protocol'
  | 'bad-address'
  | 'bad-key'
  | 'bad-credential'
  | 'bad-limit'
  | 'concurrent-read'
  | 'ended'

/** Thrown for a broken world, such as a lost connection, and for misuse. */
export class StoqError extends Error {
  override readonly name = 'StoqError'
  readonly code: StoqErrorCode
  /** What the refusing side gave as its reason, where the code is `refused`. */
  readonly refusal: { readonly code: string; readonly reason: string } | undefined

  constructor(
    code: StoqErrorCode,
    message: string,
    options: ErrorOptions & {
      readonly refusal?: { readonly code: string; readonly reason: string }
    } = {},
  ) {
    super(message, options)
    this.code = code
    this.refusal = options.refusal
  }
}
