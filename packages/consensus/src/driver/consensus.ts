import type { SigningKey } from '@hypermesh/crypto'

import type { Application, Write } from '../application.ts'
import type { Clock } from '../clock.ts'
import type { Finalized } from '../light/light.ts'
import type { Network } from '../network.ts'
import type { Timing } from '../simplex/simplex.ts'
import type { State } from '../state/state.ts'
import type { Storage } from '../storage.ts'
import type { Validator } from '../validator.ts'
import type { Evidence } from '../vote.ts'
import type { Submitted } from './submissions.ts'

export interface ConsensusOptions {
  /** 32 bytes, the same on every node and on no other chain. */
  readonly chainId: Uint8Array
  /** Those who vote, in the same order on every node. */
  readonly validators: readonly Validator[]
  /** Which of them this node is; absent for one that only follows. */
  readonly self?: { readonly index: number; readonly key: SigningKey }
  readonly network: Network
  readonly clock: Clock
  /** Stays the caller's: dispose of it after the consensus. */
  readonly storage: Storage
  readonly application: Application
  /** The state before the first block, the same on every node. */
  readonly genesis: readonly Write[]
  /** The run of blocks with this set of validators; 0 unless said otherwise. */
  readonly epoch?: bigint
  readonly timing?: Partial<Timing>
}

/** A node of the chain. */
export interface Consensus extends AsyncDisposable {
  /**
   * Orders an operation. Safe to repeat: what is final already, among the last 4096 blocks, resolves to its place.
   *
   * @returns When it is final; or why it does not become so.
   * @throws {ConsensusError} `closed`; and whatever made {@link done} reject.
   */
  submit(operation: Uint8Array, options?: { readonly signal?: AbortSignal }): Promise<Submitted>
  /** The last final block; undefined while there is only the genesis. */
  head(): Finalized | undefined
  /** One of the last 4096 final blocks. */
  finalized(height: bigint): Finalized | undefined
  /** The state after the last final block. */
  state(): State
  /** Every final block from now on, in order. @returns What ends it. */
  follow(listener: (block: FollowedBlock) => void): () => void
  /** Proof against validators that lied, as far as this node has seen it. */
  evidence(): readonly Evidence[]
  /**
   * Resolves after disposal.
   *
   * @throws {ConsensusError} When the node stopped because the world is broken: `journal-failed`,
   * `journal-damaged`, `state-diverged`, `fork`.
   */
  readonly done: Promise<void>
}

export interface FollowedBlock {
  readonly finalized: Finalized
  readonly operations: readonly Uint8Array[]
}
