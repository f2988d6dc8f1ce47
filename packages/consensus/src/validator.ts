import { field, record, toHex } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'

import { ConsensusError } from './errors.ts'
import { merkleRoot } from './merkle/merkle.ts'

/** Most validators of one chain: every vote goes from each to each. */
export const VALIDATORS_MAX = 256

/** One that votes. Its index is its place in the list, the same on every node. */
export interface Validator {
  /** Ed25519 public key, 32 bytes. */
  readonly key: Uint8Array
  /** What it has at stake, in the mesh's own unit. Votes count by head, not by stake. */
  readonly stake: bigint
}

/** One validator's leaf of the stake tree. */
export interface StakeLeaf {
  readonly index: number
  readonly key: Uint8Array
  readonly stake: bigint
}

export const stakeCodec: Codec<StakeLeaf> = record('hypermesh/stake', 1, 128, {
  index: field.count({ max: VALIDATORS_MAX - 1 }),
  key: field.bytes({ length: 32 }),
  stake: field.uint(),
})

/** How many of `validators` may lie without harm: fewer than a third. */
export function faultsOf(validators: number): number {
  return Math.floor((validators - 1) / 3)
}

/** How many votes decide. Any two quorums share one more validator than may lie. */
export function quorumOf(validators: number): number {
  return validators - faultsOf(validators)
}

/** The leaf at `index` of the tree whose root is every header's `stakeRoot`. */
export function stakeLeaf(index: number, { key, stake }: Validator): Uint8Array {
  return stakeCodec.encode({ index, key, stake })
}

/** The root over all validators' leaves, in their order. */
export function stakeRoot(validators: readonly Validator[]): Uint8Array {
  return merkleRoot(validators.map((validator, index) => stakeLeaf(index, validator)))
}

/** @throws {ConsensusError} `bad-validators` for none, too many, or a key that is malformed or listed twice. */
export function checkValidators(validators: readonly Validator[]): void {
  if (validators.length === 0 || validators.length > VALIDATORS_MAX) {
    throw new ConsensusError('bad-validators', `${validators.length} of 1 to ${VALIDATORS_MAX}`)
  }
  const keys = new Set<string>()
  for (const { key } of validators) {
    const name = toHex(key)
    if (key.length !== 32) throw new ConsensusError('bad-validators', `${name} is no Ed25519 key`)
    // One who holds two votes would count twice towards every quorum.
    if (keys.has(name)) throw new ConsensusError('bad-validators', `${name} is listed twice`)
    keys.add(name)
  }
}
