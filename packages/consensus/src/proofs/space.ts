import { equal } from '@hypermesh/crypto'

import { verifyPath } from '../merkle/merkle.ts'
import type { Opening } from '../merkle/merkle.ts'
import { draw } from './beacon.ts'
import {
  earlierLabel,
  FIRST,
  labelIn,
  LEAF_LABELS,
  leafOf,
  sealOf,
  SPACE_LEAF_SIZE,
} from './seal.ts'

/**
 * Leaves drawn by one challenge. A node that has lost a part `e` of its leaves is caught with 1-(1-e)^20: half of
 * them once in a million passes, a tenth passes one time in eight.
 */
export const SPACE_DRAWS = 20

/**
 * Labels whose seal is recomputed, one in each of the first drawn leaves. A node with a part `g` of bytes that are
 * not sealed for it is caught with at least 1-(1-g)^4: a file that belongs to another node, always.
 */
export const SEAL_DRAWS = 4

/** Most leaves of one proof: each seal check may need the leaf before and an earlier one. */
export const SPACE_OPENINGS_MAX: number = SPACE_DRAWS + 2 * SEAL_DRAWS

/** Most hashes of a path in a proof: enough for {@link SPACE_LEAVES_MAX}. */
export const SPACE_PATH_MAX = 24

/** Most leaves of one node's space: 16 GiB. */
export const SPACE_LEAVES_MAX: number = 2 ** SPACE_PATH_MAX

/** What an owner says it stores. */
export interface SpaceCommitment {
  readonly root: Uint8Array
  /** Of {@link SPACE_LEAF_SIZE} bytes. */
  readonly leaves: number
}

/** The leaves that a challenge asks for, by rising index. */
export interface SpaceProof {
  readonly openings: readonly Opening[]
}

export type SpaceRefusal =
  | 'wrong-leaves' // not exactly the leaves that were drawn and those their seals hang on
  | 'wrong-path' // a leaf does not lead to the committed root
  | 'not-sealed' // a label is not the owner's

/** What one beacon asks of a space. */
export interface SpaceChallenge {
  readonly leaves: readonly number[]
  /** Labels, counted through the whole file, whose seal is checked. */
  readonly labels: readonly number[]
}

/**
 * @param seed - The owner's `beacon`.
 * @throws {ConsensusError} `out-of-range` for fewer than {@link SPACE_DRAWS} leaves.
 */
export function spaceChallenge(seed: Uint8Array, leaves: number): SpaceChallenge {
  const drawn = draw(seed, 'space', SPACE_DRAWS, leaves)
  const labels = drawn.slice(0, SEAL_DRAWS).map((leaf, turn) => {
    const [label = 0] = draw(seed, `seal ${turn}`, 1, LEAF_LABELS)
    return leaf * LEAF_LABELS + label
  })
  return { leaves: drawn, labels }
}

/**
 * Checks the answer to the challenge of `seed`: paths, seals, and that nothing else came along.
 *
 * It does not show that this is the only copy, nor that it lies on one disk: a file of this size can be made anew in
 * the seconds between two blocks. It shows that the bytes, made for this owner alone, were at hand when asked for.
 */
export function verifySpace(
  committed: SpaceCommitment,
  owner: Uint8Array,
  seed: Uint8Array,
  proof: SpaceProof,
): SpaceRefusal | undefined {
  const { root, leaves } = committed
  if (!(leaves >= SPACE_DRAWS && leaves <= SPACE_LEAVES_MAX)) return 'wrong-leaves'
  if (proof.openings.length > SPACE_OPENINGS_MAX) return 'wrong-leaves'
  const opened = new Map<number, Uint8Array>()
  let last = -1
  for (const opening of proof.openings) {
    if (opening.index <= last || opening.leaf.length !== SPACE_LEAF_SIZE) {
      return 'wrong-leaves'
    }
    last = opening.index
    if (!verifyPath(root, leaves, opening)) return 'wrong-path'
    opened.set(opening.index, opening.leaf)
  }
  return checkAnswer(spaceChallenge(seed, leaves), owner, opened)
}

function checkAnswer(
  challenge: SpaceChallenge,
  owner: Uint8Array,
  opened: ReadonlyMap<number, Uint8Array>,
): SpaceRefusal | undefined {
  const seal = sealOf(owner)
  const used = new Set(challenge.leaves)
  const labelAt = (index: number): Uint8Array | undefined => {
    used.add(leafOf(index))
    const leaf = opened.get(leafOf(index))
    return leaf === undefined ? undefined : labelIn(leaf, index)
  }
  for (const index of challenge.labels) {
    const label = labelAt(index)
    const previous = index === 0 ? FIRST : labelAt(index - 1)
    if (label === undefined || previous === undefined) return 'wrong-leaves'
    const earlier = index === 0 ? FIRST : labelAt(earlierLabel(index, previous))
    if (earlier === undefined) return 'wrong-leaves'
    if (!equal(label, seal.label(index, previous, earlier))) return 'not-sealed'
  }
  const complete = opened.size === used.size && [...used].every((leaf) => opened.has(leaf))
  return complete ? undefined : 'wrong-leaves'
}
