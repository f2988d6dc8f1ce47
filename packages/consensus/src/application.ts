import type { Header } from './header.ts'
import type { Validator } from './validator.ts'

/** Longest key of the state, in bytes. */
export const KEY_SIZE_MAX: number = 256

/** Longest value of the state, in bytes. */
export const VALUE_SIZE_MAX: number = 1024 * 1024

/** Longest operation, in bytes. */
export const OPERATION_SIZE_MAX: number = 1024 * 1024

/** How far back {@link BlockContext.ancestor} sees, in blocks. */
export const ANCESTORS_MAX = 4096n

/**
 * What the operations mean. Every validator runs it on every block before it votes, so it must give the same
 * answer everywhere: no clock, no randomness, no memory of its own. Where it throws, the operation is refused.
 */
export interface Application {
  /** May this operation enter a block at `context`, on this state? */
  check(operation: Uint8Array, state: StateView, context: BlockContext): Verdict
  /** The writes it makes. Only ever called for an operation that {@link check} has let in on the same state. */
  apply(operation: Uint8Array, state: StateView, context: BlockContext): readonly Write[]
}

export type Verdict = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** One state among all that ever were; reading it never changes. */
export interface StateView {
  get(key: Uint8Array): Uint8Array | undefined
  /** Keys that begin with `prefix`, in the order of their bytes. */
  entries(prefix: Uint8Array): Iterable<readonly [key: Uint8Array, value: Uint8Array]>
}

export interface Write {
  /** 1 to {@link KEY_SIZE_MAX} bytes. */
  readonly key: Uint8Array
  /** Up to {@link VALUE_SIZE_MAX} bytes; undefined removes the key. */
  readonly value: Uint8Array | undefined
}

/** The block an operation would be part of: the same on every validator. */
export interface BlockContext {
  readonly chainId: Uint8Array
  readonly height: bigint
  readonly epoch: bigint
  /** Milliseconds since 1970, as the block's proposer stamped it and a quorum found timely. */
  readonly timestamp: bigint
  /** Hash of the block before. */
  readonly parent: Uint8Array
  readonly validators: readonly Validator[]
  /**
   * The header at `height` among this block's own ancestors; undefined from this block's height on, and more than
   * {@link ANCESTORS_MAX} back. It is chain data alone. Whether an ancestor is final already is not the same
   * everywhere at one moment, so nothing here says it: an operation that needs a final header carries the
   * certificate with it.
   */
  ancestor(height: bigint): Header | undefined
}
