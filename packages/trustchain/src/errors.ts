/** What went wrong where no answer is possible: a broken world or a caller's mistake. */
export type TrustErrorCode =
  | 'anchor-malformed'
  | 'chain-too-long'
  | 'closed'
  | 'key-damaged'
  | 'key-missing'
  | 'key-mismatch'
  | 'key-name'
  | 'key-permissions'
  | 'key-unwritable'
  | 'ledger-unavailable'
  | 'mesh-name'
  | 'other-mesh'
  | 'replay-failed'
  | 'self-check-failed'
  | 'store-damaged'
  | 'store-in-use'
  | 'store-missing'
  | 'store-unwritable'
  | 'time-out-of-range'
  | 'unknown-serial'
  | 'wrong-passphrase'

/** The one error of this package; `code` says which, the message says what to do. */
export class TrustError extends Error {
  override readonly name = 'TrustError'
  readonly code: TrustErrorCode

  constructor(code: TrustErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
