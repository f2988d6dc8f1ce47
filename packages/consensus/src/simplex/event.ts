import type { Header } from '../header.ts'
import type { Certified, Evidence, Vote } from '../vote.ts'
import type { Proposal } from './round.ts'

/** What happens to a validator. Signatures and certificates are checked before they come here. */
export type Event =
  | { readonly type: 'start' }
  /** The answer to a `build`. */
  | {
      readonly type: 'built'
      readonly header: Header
      readonly hash: Uint8Array
      readonly now: bigint
    }
  /** A block signed by the leader of its view. */
  | { readonly type: 'proposal'; readonly proposal: Proposal; readonly now: bigint }
  /** The answer to a `check`. */
  | {
      readonly type: 'verdict'
      readonly view: bigint
      readonly hash: Uint8Array
      readonly isValid: boolean
    }
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certified'; readonly certified: Certified }
  /** The time that `wait` asked for is over. */
  | { readonly type: 'timeout'; readonly view: bigint }
  /** A sign of life of a validator. */
  | { readonly type: 'heard'; readonly from: number }

/** What a validator wants done. */
export type Effect =
  /** Build a block on the parent. */
  | { readonly type: 'build'; readonly view: bigint; readonly parent: Uint8Array }
  /** Execute the block on its parent's state and say whether it holds. */
  | { readonly type: 'check'; readonly proposal: Proposal }
  /** Keep this own vote where it survives a loss of power; only then send it to all, a `propose` with its block. */
  | { readonly type: 'vote'; readonly vote: Vote }
  /** Keep this certificate; where it was made here, send it to all as well. */
  | { readonly type: 'certified'; readonly certified: Certified; readonly isOwn: boolean }
  /** This block is final, and with it all it stands on. */
  | { readonly type: 'final'; readonly certified: Certified }
  /** A view begins, or goes on: send a `timeout` for it after so long. */
  | { readonly type: 'wait'; readonly view: bigint; readonly ms: number }
  /** Ask others for the certificates of these views. */
  | { readonly type: 'missing'; readonly from: bigint; readonly to: bigint }
  /** Say this again, to all: messages may have been lost. */
  | {
      readonly type: 'repeat'
      readonly votes: readonly Vote[]
      readonly certified: readonly Certified[]
    }
  | { readonly type: 'evidence'; readonly evidence: Evidence }
