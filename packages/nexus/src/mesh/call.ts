import type {
  JobEvent,
  JobReport,
  JobWork,
  Left,
  LentPart,
  NodeCard,
  NodeConfig,
  NodeStatus,
} from '@hypermesh/bootstrap'

/** What the terminal's process asks a node's process, over the channel that ties the two. */
export interface Calls {
  /** Makes the node's keys and opens its endpoint. */
  create: { argument: NodeConfig; result: NodeCard }
  /** Makes a root of trust here. The result is the fingerprint of its certificate. */
  found: { argument: { readonly mesh: string }; result: Uint8Array }
  /** Goes through the phases; each is told as an event as it is left. The argument is an encoded invite. */
  join: { argument: Uint8Array; result: null }
  lend: { argument: null; result: readonly LentPart[] }
  run: { argument: JobWork; result: JobReport }
  status: { argument: null; result: NodeStatus }
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
export type Notice = ({ readonly type: 'phase' } & Left) | JobEvent
