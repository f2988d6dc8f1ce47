import type { Isolation, Program } from '@hypermesh/catalog-vm'

/** A job for the mesh: one program, many inputs. */
export interface JobWork {
  readonly program: Program
  readonly parts: readonly Uint8Array[]
  /** The weakest isolation the job accepts. */
  readonly isolation: Isolation
  /** For each part: milliseconds, bytes, bytes. */
  readonly limits: {
    readonly wallMs: number
    readonly memoryBytes: number
    readonly outputMax: number
  }
}

/** What came of it. Whoever gave the job checks it against what it knows itself. */
export interface JobReport {
  /** In the order of the parts. */
  readonly outputs: readonly Uint8Array[]
  readonly receipts: readonly PartReceipt[]
  readonly figures: Readonly<Record<string, number>>
}

export interface PartReceipt {
  readonly part: number
  /** Name of the node that ran it. */
  readonly node: string
  readonly receipt: Uint8Array
  /** Proof that the ledger holds the receipt. */
  readonly order: Uint8Array
}

/** How a job goes. */
export type JobEvent =
  | {
      readonly type: 'stored'
      readonly parts: number
      readonly bytes: number
      readonly ms: number
    }
  | {
      readonly type: 'done'
      readonly part: number
      readonly node: string
      readonly bytes: number
    }
  | {
      readonly type: 'moved'
      readonly part: number
      readonly from: string
      readonly reason: string
    }
  | {
      readonly type: 'audited'
      readonly parts: number
      readonly agreed: number
      readonly ms: number
    }
