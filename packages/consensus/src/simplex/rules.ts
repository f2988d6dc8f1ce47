import { quorumOf } from '../validator.ts'

/** How long things may take, in milliseconds. */
export interface Timing {
  /** How long a view waits for its leader before it is given up. It grows while views fail. */
  readonly viewMs: number
  /** How long a leader without operations waits before it proposes an empty block. */
  readonly idleMs: number
  /** How far honest clocks may be apart. */
  readonly precisionMs: number
  /** How long a proposal may travel. It grows while views fail. */
  readonly delayMs: number
}

/** What this validator has said in one view. A vote once given is never taken back, not even by a restart. */
interface OwnVotes {
  readonly notarized: boolean
  readonly nullified: boolean
  readonly finalized: boolean
}

/**
 * The rules that keep the chain safe, apart from the machinery that follows them: each can be read, and broken in a
 * test, by itself.
 */
export interface Rules {
  /** Votes that make a certificate. Two quorums share an honest validator. */
  quorum(validators: number): number
  /** One notarize a view, and none for a view already given up. */
  mayNotarize(own: OwnVotes): boolean
  /** Whoever said that a block is final has not given up its view. */
  mayNullify(own: OwnVotes): boolean
  /** Whoever gave up a view calls nothing in it final. */
  mayFinalize(own: OwnVotes): boolean
  /** Between a block and its parent, every view is proven to hold nothing final. */
  maySkip(hasNullification: boolean): boolean
  /** Did the proposer's clock show about the time at which the proposal came? `failed` views went before. */
  isTimely(timestamp: bigint, receivedAt: bigint, failed: number, timing: Timing): boolean
}

export const SIMPLEX_RULES: Rules = {
  quorum: quorumOf,
  mayNotarize: (own) => !own.notarized && !own.nullified,
  mayNullify: (own) => !own.nullified && !own.finalized,
  mayFinalize: (own) => !own.finalized && !own.nullified,
  maySkip: (hasNullification) => hasNullification,
  isTimely: (timestamp, receivedAt, failed, { precisionMs, delayMs }) =>
    timestamp <= receivedAt + BigInt(precisionMs) &&
    timestamp >= receivedAt - BigInt(precisionMs + patience(delayMs, failed)),
}

/** A delay that grows by half with every failed view, up to about 11 times, so that a slow network finds its pace. */
export function patience(ms: number, failed: number): number {
  return Math.round(ms * 1.5 ** Math.min(failed, 6))
}
