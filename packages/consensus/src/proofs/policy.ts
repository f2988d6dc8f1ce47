/**
 * How much a mesh asks of a proof. All its nodes use one policy: it decides which operations enter a block.
 * The least of each is a limit that no policy can go below: 20 leaves, 8 units, 1 hash.
 */
export interface ProofPolicy {
  /** Fewest leaves of 1 KiB of stored space. */
  readonly leavesMin: number
  /** Fewest units of work. */
  readonly unitsMin: number
  /** Fewest hashes of a unit. */
  readonly costMin: number
  readonly stakeMin: bigint
  /** Milliseconds after its header until which a proof is good. */
  readonly ageMax: bigint
  /**
   * Milliseconds between two commitments of one owner. Each brings new challenges: who has deleted something could
   * otherwise commit again and again until it is asked for what it kept.
   */
  readonly intervalMin: bigint
}

/** 4 MiB of space; half a million hashes of work: about a second of one core, and its audit 30 ms. */
export const defaultPolicy: ProofPolicy = {
  leavesMin: 4096,
  unitsMin: 128,
  costMin: 4096,
  stakeMin: 1n,
  ageMax: 600_000n,
  intervalMin: 10_000n,
}

/**
 * Blocks after the one with the commitment whose beacon may challenge it. More than one, because a block can become
 * final without a certificate of its own; few, because the prover takes the one it likes.
 */
export const CHALLENGE_WINDOW = 4n

/** Milliseconds from a work's seed to its commitment: older work is worth nothing. */
export const SEED_AGE_MAX = 600_000n

/** Milliseconds that two honest clocks may differ. */
export const PRECISION = 500n

/** Milliseconds from a header to the moment at which a claim on it can be made: time for an audit or two. */
export const CLAIM_DELAY_MAX = 30_000n
