import type { BlockContext, StateView, Write } from '@hypermesh/consensus'

import type { Body } from './operation.ts'

/** Where an operation stands: who asks, of what state, in which block. */
export interface Setting {
  readonly author: Uint8Array
  readonly state: StateView
  readonly context: BlockContext
}

/** What one kind of operation needs, and what it changes. Pure: every validator comes to the same answer. */
export interface Rule<T extends Body['type']> {
  /** Why it may not enter the ledger; undefined when it may. */
  refusal(body: Extract<Body, { readonly type: T }>, setting: Setting): string | undefined
  /** Asked only after {@link refusal} found nothing, on the same state. */
  writes(body: Extract<Body, { readonly type: T }>, setting: Setting): readonly Write[]
}
