import { equal, sha256 } from '@hypermesh/crypto'

import { ConsensusError } from '../errors.ts'
import { createTree, verifyPath } from '../merkle/merkle.ts'
import { draw } from './beacon.ts'

/** Units drawn by one challenge. Who made up a part `e` of the outputs is caught with 1-(1-e)^8. */
export const WORK_DRAWS = 8

/** Most hashes of a path in a proof: enough for {@link WORK_UNITS_MAX}. */
export const WORK_PATH_MAX = 20

/** Most units of one commitment. */
export const WORK_UNITS_MAX: number = 2 ** WORK_PATH_MAX

/** Most hashes of one unit: an auditor re-executes eight, and shall be done within a second. */
export const WORK_COST_MAX: number = 2 ** 16

/** What an owner says it computed. */
export interface WorkCommitment {
  /** Over the outputs of all units, in order. */
  readonly root: Uint8Array
  readonly units: number
  /** SHA-256 evaluations in a chain, for each unit. */
  readonly cost: number
  /** Hash of the header at `seedHeight`: nobody could begin before that block. */
  readonly seed: Uint8Array
  readonly seedHeight: bigint
}

/** One output and what leads from it to the root. Which unit it is follows from the draw. */
export interface Output {
  readonly output: Uint8Array
  readonly path: readonly Uint8Array[]
}

/** Work that is done, its outputs kept so that any of them can be shown. */
export interface Work extends WorkCommitment {
  /** @throws {ConsensusError} `out-of-range` when there is no unit `index`. */
  open(index: number): Output
}

/** Lets others run between two units: `setImmediate` of `node:timers/promises`, say. */
export type Pause = () => Promise<unknown>

const TAG: Uint8Array = sha256(new TextEncoder().encode('hypermesh/work/1'))
const OUTPUTS: Uint8Array = sha256(new TextEncoder().encode('hypermesh/work-outputs/1'))

/**
 * Computes all units. At a million hashes a second, `units` x `cost` of them keep a core busy for that long.
 *
 * @param options.owner - Ed25519 public key. It is in every output: another node's work is worth nothing.
 * @throws {ConsensusError} `out-of-range` for units or cost outside their limits.
 */
export async function performWork(
  options: Omit<WorkCommitment, 'root'> & { readonly owner: Uint8Array; readonly pause: Pause },
): Promise<Work> {
  const { owner, units, cost, seed, seedHeight, pause } = options
  if (!Number.isSafeInteger(units) || units < WORK_DRAWS || units > WORK_UNITS_MAX) {
    throw new ConsensusError('out-of-range', `${units} units of ${WORK_DRAWS} to ${WORK_UNITS_MAX}`)
  }
  if (!Number.isSafeInteger(cost) || cost < 1 || cost > WORK_COST_MAX) {
    throw new ConsensusError('out-of-range', `${cost} hashes a unit of 1 to ${WORK_COST_MAX}`)
  }
  const outputs: Uint8Array[] = []
  for (let index = 0; index < units; index += 1) {
    outputs.push(unitOutput({ owner, seed, cost }, index))
    await pause()
  }
  const tree = createTree(outputs)
  return {
    root: tree.root,
    units,
    cost,
    seed,
    seedHeight,
    open: (index) => ({ path: tree.path(index), output: outputs[index] ?? new Uint8Array() }),
  }
}

/** The output of one unit: SHA-256 over owner, seed and index, hashed again `cost` times. */
export function unitOutput(
  { owner, seed, cost }: { owner: Uint8Array; seed: Uint8Array; cost: number },
  index: number,
): Uint8Array {
  const place = new DataView(new ArrayBuffer(8))
  place.setBigUint64(0, BigInt(index))
  let output = sha256(TAG, owner, seed, new Uint8Array(place.buffer))
  for (let step = 0; step < cost; step += 1) output = sha256(output)
  return output
}

/**
 * The units that a beacon asks for, in the order in which they are shown.
 *
 * @param seed - The owner's `beacon`.
 * @throws {ConsensusError} `out-of-range` for fewer than {@link WORK_DRAWS} units.
 */
export function workChallenge(seed: Uint8Array, units: number): readonly number[] {
  return draw(seed, 'work', WORK_DRAWS, units)
}

/** Are these the committed outputs of the drawn units? It does not say that they were computed. */
export function verifyOutputs(
  { root, units }: WorkCommitment,
  seed: Uint8Array,
  outputs: readonly Output[],
): boolean {
  if (units < WORK_DRAWS) return false
  return workChallenge(seed, units).every((index, turn) => {
    const shown = outputs[turn]
    if (shown === undefined) return false
    return verifyPath(root, units, { index, leaf: shown.output, path: shown.path })
  })
}

/** Computes the drawn units again. False when one of them comes out differently. */
export async function reExecute(
  owner: Uint8Array,
  { units, cost, seed }: WorkCommitment,
  challenge: Uint8Array,
  outputs: readonly Output[],
  pause: Pause,
): Promise<boolean> {
  for (const [turn, index] of workChallenge(challenge, units).entries()) {
    const shown = outputs[turn]?.output
    if (shown === undefined || !equal(shown, unitOutput({ owner, seed, cost }, index))) return false
    await pause()
  }
  return true
}

/** What an auditor signs in place of the outputs themselves. */
export function outputsHash(outputs: readonly Output[]): Uint8Array {
  return sha256(OUTPUTS, ...outputs.map(({ output }) => output))
}
