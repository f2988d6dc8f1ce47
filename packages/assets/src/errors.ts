/** What the caller, or the world, got wrong. What a peer asks wrongly is a refusal instead. */
export type AssetsErrorCode = 'invalid-argument' | 'time-went-back' | 'closed'

export class AssetsError extends Error {
  override readonly name = 'AssetsError'
  readonly code: AssetsErrorCode

  constructor(code: AssetsErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
