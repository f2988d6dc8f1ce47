import { equal, sha256 } from '@hypermesh/crypto'
import { ConsensusError } from '../errors.ts'

/** Most leaves of one tree: indices fit 32 bits, so a path is never longer than {@link PATH_MAX}. */
export const LEAVES_MAX: number = 2 ** 32 - 1

/** Most hashes of one path: the depth of a tree of {@link LEAVES_MAX} leaves. */
export const PATH_MAX = 32

/** Bytes of a hash. */
const HASH_SIZE = 32

// RFC 6962 section 2.1: a leaf and a node never hash the same bytes, so that neither passes for the other.
const LEAF: Uint8Array = Uint8Array.of(0)
const NODE: Uint8Array = Uint8Array.of(1)

/** One leaf and the hashes that lead from it to the root, the leaf's neighbour first. */
export interface Opening {
  readonly index: number
  readonly leaf: Uint8Array
  readonly path: readonly Uint8Array[]
}

/** A tree whose hashes are all kept (64 bytes a leaf), so that any path can be asked for. */
export interface MerkleTree {
  readonly root: Uint8Array
  readonly leaves: number
  /**
   * @returns From the leaf upwards.
   * @throws {ConsensusError} `out-of-range` when there is no leaf `index`.
   */
  path(index: number): readonly Uint8Array[]
  /**
   * The {@link leafHash} of a leaf.
   *
   * @throws {ConsensusError} `out-of-range` when there is no leaf `index`.
   */
  leaf(index: number): Uint8Array
}

/** A root that grows leaf by leaf and keeps one hash a level: for files larger than memory. */
export interface MerkleRoot {
  push(leaf: Uint8Array): void
  /** Leaves pushed so far. */
  readonly leaves: number
  /** The root over the leaves pushed so far; more may follow. */
  root(): Uint8Array
}

/** The hash of a leaf (RFC 6962 section 2.1). */
export function leafHash(leaf: Uint8Array): Uint8Array {
  return sha256(LEAF, leaf)
}

/**
 * The root over leaves in order (RFC 6962 section 2.1). No leaves: SHA-256 of nothing.
 *
 * @throws {ConsensusError} `out-of-range` for more than {@link LEAVES_MAX} leaves.
 */
export function merkleRoot(leaves: Iterable<Uint8Array>): Uint8Array {
  const growing = createRoot()
  for (const leaf of leaves) growing.push(leaf)
  return growing.root()
}

/** A root to push leaves into, one at a time. */
export function createRoot(): MerkleRoot {
  // full[k] is the root of a full subtree of 2^k leaves: there is one for each bit set in `leaves`.
  const full: (Uint8Array | undefined)[] = []
  let leaves = 0
  return {
    get leaves() {
      return leaves
    },
    push(leaf) {
      if (leaves === LEAVES_MAX) throw tooMany(leaves + 1)
      let hash = leafHash(leaf)
      let level = 0
      for (let left = full[0]; left !== undefined; left = full[level]) {
        hash = nodeHash(left, hash)
        full[level] = undefined
        level += 1
      }
      full[level] = hash
      leaves += 1
    },
    root() {
      let right: Uint8Array | undefined
      for (const left of full) {
        if (left !== undefined) right = right === undefined ? left : nodeHash(left, right)
      }
      return right ?? sha256()
    },
  }
}

/**
 * A tree that can open its leaves. The leaves themselves are not kept.
 *
 * @throws {ConsensusError} `out-of-range` for more than {@link LEAVES_MAX} leaves.
 */
export function createTree(leaves: readonly Uint8Array[]): MerkleTree {
  const hashes = new Uint8Array(leaves.length * HASH_SIZE)
  for (const [index, leaf] of leaves.entries()) hashes.set(leafHash(leaf), index * HASH_SIZE)
  return treeOfHashes(hashes)
}

/**
 * A tree over leaves that {@link leafHash} has hashed already: for leaves that are read one by one and not kept.
 *
 * @param hashes - 32 bytes a leaf, in order. The tree keeps this array: do not write to it afterwards.
 * @throws {ConsensusError} `out-of-range` when its length is not a multiple of 32, or for too many leaves.
 */
export function treeOfHashes(hashes: Uint8Array): MerkleTree {
  const leaves = hashes.length / HASH_SIZE
  if (leaves > LEAVES_MAX) throw tooMany(leaves)
  if (!Number.isInteger(leaves)) {
    throw new ConsensusError('out-of-range', `${hashes.length} bytes are not whole hashes`)
  }
  const levels: Uint8Array[] = []
  let top = hashes
  while (top.length > HASH_SIZE) {
    levels.push(top)
    top = levelAbove(top)
  }
  const check = (index: number): void => {
    if (!Number.isSafeInteger(index) || index < 0 || index >= leaves) {
      throw new ConsensusError('out-of-range', `leaf ${index} of ${leaves}`)
    }
  }
  return {
    root: leaves === 0 ? sha256() : top.slice(),
    leaves,
    leaf(index) {
      check(index)
      return hashAt(hashes, index).slice()
    },
    path(index) {
      check(index)
      let position = index
      const path: Uint8Array[] = []
      for (const level of levels) {
        const neighbour = hashAt(level, position % 2 === 0 ? position + 1 : position - 1)
        if (neighbour.length > 0) path.push(neighbour.slice())
        position = Math.floor(position / 2)
      }
      return path
    },
  }
}

/**
 * Does `path` lead from the leaf to the root (RFC 9162 section 2.1.3.2)? One that is too short or too long does not;
 * nothing throws, for the opening comes from a peer.
 *
 * @param of - Leaves of the whole tree. It must come from whoever committed to the root, not from the prover.
 */
export function verifyPath(root: Uint8Array, of: number, opening: Opening): boolean {
  const { index, leaf, path } = opening
  if (!Number.isSafeInteger(of) || of > LEAVES_MAX) return false
  if (!Number.isSafeInteger(index) || index < 0 || index >= of) return false
  let hash = leafHash(leaf)
  let position = index
  let last = of - 1
  for (const neighbour of path) {
    // Past the root there is nothing: a longer path would open another tree's leaf at this place.
    if (last === 0) return false
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(neighbour, hash)
      // The last node of an odd level has no neighbour there: it rises unhashed until it is a right child.
      while (position % 2 === 0 && position !== 0) {
        position = Math.floor(position / 2)
        last = Math.floor(last / 2)
      }
    } else {
      hash = nodeHash(hash, neighbour)
    }
    position = Math.floor(position / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 && equal(hash, root)
}

function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(NODE, left, right)
}

// Pairs are hashed, an odd last node rises as it is: the same tree as RFC 6962's split at a power of two.
function levelAbove(below: Uint8Array): Uint8Array {
  const nodes = below.length / HASH_SIZE
  const above = new Uint8Array(Math.ceil(nodes / 2) * HASH_SIZE)
  for (let left = 0; left < nodes; left += 2) {
    const first = hashAt(below, left)
    const second = hashAt(below, left + 1)
    above.set(second.length === 0 ? first : nodeHash(first, second), (left / 2) * HASH_SIZE)
  }
  return above
}

/** The hash at `position` of a level; empty past its end. */
function hashAt(level: Uint8Array, position: number): Uint8Array {
  return level.subarray(position * HASH_SIZE, (position + 1) * HASH_SIZE)
}

function tooMany(leaves: number): ConsensusError {
  return new ConsensusError('out-of-range', `${leaves} leaves: a tree has at most ${LEAVES_MAX}`)
}
