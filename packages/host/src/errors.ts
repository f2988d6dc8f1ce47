/** What can go wrong between a program and the operating system under it. */
export type HostErrorCode =
  | 'invalid-argument'
  | 'out-of-memory'
  | 'cgroup-unavailable'
  | 'cgroup-exists'
  | 'cgroup-busy'
  | 'no-such-process'
  | 'spawn-failed'

export class HostError extends Error {
  override readonly name = 'HostError'
  readonly code: HostErrorCode

  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
