/** What a caller can do wrong. A peer's bad answer is a refusal, never one of these. */
export type ProxyNatErrorCode =
  | 'wrong-length' // a key, id or address has the wrong number of bytes
  | 'wrong-scheme' // a key that is not Ed25519 signs a grant or a binding
  | 'out-of-range' // a number outside what its field can carry
  | 'not-narrower' // a grant asks for more than the one it is made from
  | 'malformed' // bytes handed in by the caller do not decode
  | 'too-long' // more bytes in one call than a call may move
  | 'closed' // used after it was disposed

export class ProxyNatError extends Error {
  override readonly name = 'ProxyNatError'
  readonly code: ProxyNatErrorCode

  constructor(code: ProxyNatErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
