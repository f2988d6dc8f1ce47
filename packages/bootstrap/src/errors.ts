/** What a node cannot go on with. */
export type BootstrapErrorCode =
  | 'journal-damaged'
  | 'wrong-phase'
  | 'bad-invite'
  | 'not-invited'
  | 'founder-unreachable'
  | 'root-mismatch'
  | 'refused-certificate'
  | 'phase-stalled'
  | 'not-ordered'
  | 'no-audit'
  | 'no-proof'
  | 'no-memory'
  | 'job-failed'
  | 'unknown-node'
  | 'not-served'
  | 'closed'

export class BootstrapError extends Error {
  override readonly name = 'BootstrapError'
  readonly code: BootstrapErrorCode

  constructor(code: BootstrapErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
