import type { Table } from '../job.ts'

/** What a run of the mesh tells whoever watches. Times in milliseconds, sizes in bytes. */
export type MeshEvent =
  | {
      readonly event: 'start'
      readonly nodes: number
      /** Since the process began. */
      readonly ms: number
    }
  | { readonly event: 'nodes'; readonly nodes: number; readonly ms: number }
  | { readonly event: 'job'; readonly job: string; readonly title: string }
  | {
      readonly event: 'phase'
      readonly phase: number
      readonly name: string
      readonly ms: number
      readonly detail: string
    }
  | {
      readonly event: 'assets'
      readonly ms: number
      readonly assets: readonly LentAsset[]
      readonly proofs: number
      readonly detail: string
    }
  | { readonly event: 'input'; readonly ms: number; readonly parts: number; readonly bytes: number }
  | {
      readonly event: 'progress'
      readonly done: number
      readonly total: number
      readonly node: string
      readonly bytes: number
      readonly ms: number
    }
  | { readonly event: 'killed'; readonly node: string }
  | {
      readonly event: 'moved'
      readonly part: number
      readonly from: string
      readonly reason: string
    }
  | {
      readonly event: 'audited'
      readonly parts: number
      readonly agreed: number
      readonly ms: number
    }
  | { readonly event: 'checking' }
  | { readonly event: 'result'; readonly table: Table; readonly ms: number }
  | { readonly event: 'summary'; readonly summary: Summary }

export interface LentAsset {
  readonly node: string
  readonly kind: string
  readonly capacity: number
  readonly unit: string
}

export interface Summary {
  /** The result equals the plain computation's, and every receipt verifies. */
  readonly ok: boolean
  readonly result: Table['rows']
  readonly nodes: readonly {
    readonly name: string
    readonly address: string
    readonly parts: number
    readonly alive: boolean
  }[]
  readonly phases: readonly { readonly phase: number; readonly name: string; readonly ms: number }[]
  readonly blocks: number
  readonly proofs: { readonly made: number; readonly verified: number }
  /** Bytes of input that a node read from another node's memory. */
  readonly remoteBytes: number
  readonly receipts: readonly ReceiptLine[]
  readonly figures: Readonly<Record<string, number>>
}

export interface ReceiptLine {
  readonly part: number
  readonly node: string
  readonly engine: string
  readonly isolation: string
  readonly cpuMs?: number
  readonly wallMs: number
  /** Height of the block that holds it. */
  readonly height: number
  readonly hash: string
  readonly verified: boolean
}
