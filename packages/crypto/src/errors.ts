/** Why this package threw. Never a secret in a message: sizes, schemes, paths and codes only. */
export type CryptoErrorCode =
  | 'not-hex'
  | 'wrong-length'
  | 'unknown-scheme'
  | 'bad-schema'
  | 'bad-value'
  | 'bad-key'
  | 'busy'
  | 'closed'
  | 'worker-failed'
  | 'spent'
  | 'too-long'
  | 'damaged-stream'
  | 'identity-exists'
  | 'identity-missing'
  | 'identity-damaged'
  | 'identity-permissions'
  | 'identity-unreadable'
  | 'identity-unwritable'
  | 'wrong-passphrase'

/** The caller's mistake or a broken world. What a peer sent wrong is a result instead. */
export class CryptoError extends Error {
  override readonly name = 'CryptoError'
  readonly code: CryptoErrorCode

  constructor(code: CryptoErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
