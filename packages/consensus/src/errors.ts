/** What went wrong in the caller's use of this package, or in the world it stands on. */
export type ConsensusErrorCode = 'out-of-range'

export class ConsensusError extends Error {
  override readonly name = 'ConsensusError'
  readonly code: ConsensusErrorCode

  constructor(code: ConsensusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
