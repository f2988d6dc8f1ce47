/** Why a job did not yield a result. */
export type RefusalCode =
  | 'bad-job'
  | 'busy'
  | 'lease-refused'
  | 'lease-ended'
  | 'lease-too-small'
  | 'proof-refused'
  | 'input-unavailable'
  | 'input-too-large'
  | 'language-unavailable'
  | 'isolation-unavailable'
  | 'sandbox-failed'
  | 'wall-time'
  | 'memory'
  | 'output'
  | 'program-failed'
  | 'aborted'
  | 'receipt-refused'

export interface Refusal {
  readonly code: RefusalCode
  readonly reason: string
  /** What to install or change, where that would help. */
  readonly remedy?: string
  /** Of the program, when it ended by itself. */
  readonly exitCode?: number
  /** The end of what the program wrote on standard error, at most `STDERR_TAIL_MAX` bytes of it. */
  readonly stderr?: string
}

export type Refused = { readonly ok: false; readonly refusal: Refusal }

export function refuse(code: RefusalCode, reason: string, more: Partial<Refusal> = {}): Refused {
  return { ok: false, refusal: { ...more, code, reason } }
}
