import { createTree, verifyPath } from '../merkle/merkle.ts'
import type { Header } from '../header.ts'
import { stakeLeaf } from '../validator.ts'
import type { Validator } from '../validator.ts'

/** WHO: the owner holds stake in the epoch of the header, and stands behind this one claim. */
export interface StakeProof {
  /** The owner's place among the validators. */
  readonly index: number
  readonly stake: bigint
  /** From the owner's leaf to the header's `stakeRoot`. */
  readonly path: readonly Uint8Array[]
  /** The owner's, under `claimBytes`. */
  readonly signature: Uint8Array
}

/**
 * From a validator's leaf to the `stakeRoot` of every header of its epoch.
 *
 * @throws {ConsensusError} `out-of-range` when there is no validator `index`.
 */
export function stakePath(validators: readonly Validator[], index: number): readonly Uint8Array[] {
  return createTree(validators.map((validator, at) => stakeLeaf(at, validator))).path(index)
}

/** Does the path show that `owner` holds the stake? The signature is checked apart from it. */
export function verifyStakePath(
  { stakeRoot }: Header,
  validators: number,
  owner: Uint8Array,
  { index, stake, path }: StakeProof,
): boolean {
  return verifyPath(stakeRoot, validators, {
    index,
    leaf: stakeLeaf(index, { key: owner, stake }),
    path,
  })
}
