/** What ends a command. Each has its exit code in `bin.ts`. */
export type NexusErrorCode =
  | 'bad-job'
  | 'node-died'
  | 'node-refused'
  | 'interrupted'
  | 'wrong-result'
  | 'unverified-receipt'

export class NexusError extends Error {
  override readonly name = 'NexusError'
  readonly code: NexusErrorCode

  constructor(code: NexusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
