/** What went wrong in the caller's use of this package, or in the world it stands on. */
export type ConsensusErrorCode =
  | 'out-of-range'
  | 'bad-validators'
  | 'bad-options'
  | 'closed'
  | 'journal-damaged'
  | 'journal-locked'
  | 'journal-foreign'
  | 'journal-failed'
  | 'state-diverged'
  | 'fork'
  | 'space-exists'
  | 'space-missing'
  | 'space-damaged'
  | 'space-full'

export class ConsensusError extends Error {
  override readonly name = 'ConsensusError'
  readonly code: ConsensusErrorCode

  constructor(code: ConsensusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
