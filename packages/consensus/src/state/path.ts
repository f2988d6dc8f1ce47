import { equal, field, record, sha256 } from '@hypermesh/crypto'
import type { Codec, Field } from '@hypermesh/crypto'

import { KEY_SIZE_MAX, VALUE_SIZE_MAX } from '../application.ts'

/** Longest encoding of a path, in bytes: the largest value, and as many hashes as a key has bits. */
const STATE_PATH_SIZE_MAX: number = VALUE_SIZE_MAX + 16 * 1024

/** Bits of a key's hash. */
const DEPTH_MAX = 256

// A leaf and a branch never hash the same bytes, so that neither passes for the other.
const LEAF = Uint8Array.of(0)
const BRANCH = Uint8Array.of(1)

/** The root of a state without keys. */
export const EMPTY: Uint8Array = new Uint8Array(32)

/** What leads from the root of a state to a key's value, or to where it would be. */
export interface StatePath {
  readonly key: Uint8Array
  /** The value at the key; absent when the key is. */
  readonly value?: Uint8Array
  /** For an absent key: the one leaf in whose place it would be. Where that place is empty, this is absent too. */
  readonly neighbour?: StateLeaf
  /** From the root downwards: the hash beside the path at each branch. */
  readonly siblings: readonly Uint8Array[]
}

export interface StateLeaf {
  /** SHA-256 of the key: what orders the tree. */
  readonly keyHash: Uint8Array
  readonly valueHash: Uint8Array
}

const hash = field.bytes({ length: 32 })

const fields = {
  key: field.bytes({ max: KEY_SIZE_MAX }),
  value: field.optional(field.bytes({ max: VALUE_SIZE_MAX })),
  neighbour: field.optional(field.record({ keyHash: hash, valueHash: hash })),
  siblings: field.list(hash, { max: DEPTH_MAX }),
}

/** A path inside another record. */
export const statePathField: Field<StatePath> = field.record(fields)

export const statePathCodec: Codec<StatePath> = record(
  'hypermesh/state-path',
  1,
  STATE_PATH_SIZE_MAX,
  fields,
)

/**
 * Does the state with this root hold the path's value at the path's key, or nothing where the path has no value?
 */
export function verifyStatePath(root: Uint8Array, path: StatePath): boolean {
  const { key, value, neighbour, siblings } = path
  if (value !== undefined && neighbour !== undefined) return false
  const keyHash = sha256(key)
  let hash = EMPTY
  if (value !== undefined) {
    hash = leafHashOf(keyHash, sha256(value))
  } else if (neighbour !== undefined) {
    if (!standsFor(neighbour.keyHash, keyHash, siblings.length)) return false
    hash = leafHashOf(neighbour.keyHash, neighbour.valueHash)
  }
  for (let depth = siblings.length - 1; depth >= 0; depth--) {
    const sibling = siblings[depth]
    if (sibling === undefined) return false
    hash = bitAt(keyHash, depth) === 0 ? branchHash(hash, sibling) : branchHash(sibling, hash)
  }
  return equal(hash, root)
}

export function leafHashOf(keyHash: Uint8Array, valueHash: Uint8Array): Uint8Array {
  return sha256(LEAF, keyHash, valueHash)
}

export function branchHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(BRANCH, left, right)
}

/** The bit that says which way a key goes at a branch; the first is the highest of the first byte. */
export function bitAt(keyHash: Uint8Array, depth: number): number {
  return ((keyHash[depth >> 3] ?? 0) >> (7 - (depth & 7))) & 1
}

// Another key's leaf proves absence only where this key's own path ends: it shares every bit above.
function standsFor(other: Uint8Array, keyHash: Uint8Array, depth: number): boolean {
  if (other.length !== keyHash.length || equal(other, keyHash)) return false
  for (let bit = 0; bit < depth; bit++) {
    if (bitAt(other, bit) !== bitAt(keyHash, bit)) return false
  }
  return true
}
