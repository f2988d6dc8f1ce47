import type { JobReport, JobWork, LentPart, NodeStatus } from '@hypermesh/bootstrap'

/** What the terminal's process asks a node's process, over the channel that ties the two. */
export interface Calls {
  /** Makes the node's keys and opens its endpoint. */
  create: { argument: CreateArgument; result: NodeCard }
  /** Makes a root of trust here. The result is the fingerprint of its certificate. */
  found: { argument: { readonly mesh: string }; result: Uint8Array }
  /** Goes through the phases; each is told as an event as it is left. The argument is an encoded invite. */
  join: { argument: Uint8Array; result: null }
  lend: { argument: null; result: readonly LentPart[] }
  run: { argument: JobWork; result: JobReport }
  status: { argument: null; result: NodeStatus }
}

export interface CreateArgument {
  readonly name: string
  readonly directory: string
  readonly passphrase: string
  readonly share: { readonly index: number; readonly of: number }
}

/** What others pin of a node before there are certificates. */
export interface NodeCard {
  readonly name: string
  readonly key: Uint8Array
  readonly falcon: Uint8Array
  readonly address: string
  readonly host: string
  readonly port: number
}

export type CallName = keyof Calls

export interface Request {
  readonly type: 'call'
  readonly id: number
  readonly name: CallName
  readonly argument: unknown
}

export type Reply =
  | { readonly type: 'result'; readonly id: number; readonly value: unknown }
  | {
      readonly type: 'failure'
      readonly id: number
      readonly code: string
      readonly message: string
    }

/** What a node tells unasked. */
export type Notice =
  | {
      readonly type: 'phase'
      readonly phase: number
      readonly name: string
      readonly ms: number
      readonly detail: string
    }
  | { readonly type: 'stored'; readonly parts: number; readonly bytes: number; readonly ms: number }
  | { readonly type: 'done'; readonly part: number; readonly node: string; readonly bytes: number }
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
