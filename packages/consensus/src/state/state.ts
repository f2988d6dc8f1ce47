import { equal, sha256 } from '@hypermesh/crypto'

import { KEY_SIZE_MAX, VALUE_SIZE_MAX } from '../application.ts'
import type { StateView, Write } from '../application.ts'
import { ConsensusError } from '../errors.ts'
import { find, from, insert, omit } from './order.ts'
import type { Order } from './order.ts'
import type { StatePath } from './path.ts'
import { descend, put, remove, rootOf } from './tree.ts'
import type { Tree } from './tree.ts'

export { statePathCodec, statePathField, verifyStatePath } from './path.ts'
export type { StateLeaf, StatePath } from './path.ts'

/** All keys and values at one point of the chain, under one root. Never changed: a write makes another. */
export interface State extends StateView {
  /** 32 bytes; the same for the same keys and values, however they were written. */
  readonly root: Uint8Array
  /** What convinces a holder of the root of the key's value, or of its absence. */
  prove(key: Uint8Array): StatePath
  /** @throws {ConsensusError} `out-of-range` for a key or a value of a forbidden length. */
  write(writes: readonly Write[]): State
}

/** A state without keys. */
export function emptyState(): State {
  return stateOf(undefined, undefined)
}

function stateOf(tree: Tree, order: Order): State {
  return {
    get root() {
      return rootOf(tree)
    },
    get: (key) => find(order, key),
    entries: (prefix) => from(order, prefix),
    prove: (key) => prove(tree, key, find(order, key)),
    write: (writes) => {
      let nextTree = tree
      let nextOrder = order
      for (const { key, value } of writes) {
        checkWrite(key, value)
        // The caller keeps its arrays; what it does to them later must not reach the state.
        const kept = key.slice()
        const keyHash = sha256(kept)
        if (value === undefined) {
          nextTree = remove(nextTree, keyHash)
          nextOrder = omit(nextOrder, kept)
        } else {
          nextTree = put(nextTree, { keyHash, valueHash: sha256(value) })
          nextOrder = insert(nextOrder, kept, value.slice())
        }
      }
      return stateOf(nextTree, nextOrder)
    },
  }
}

function prove(tree: Tree, key: Uint8Array, value: Uint8Array | undefined): StatePath {
  const keyHash = sha256(key)
  const { siblings, leaf } = descend(tree, keyHash)
  if (value !== undefined) return { key, value, siblings }
  if (leaf === undefined || equal(leaf.keyHash, keyHash)) return { key, siblings }
  return { key, neighbour: { keyHash: leaf.keyHash, valueHash: leaf.valueHash }, siblings }
}

function checkWrite(key: Uint8Array, value: Uint8Array | undefined): void {
  if (key.length === 0 || key.length > KEY_SIZE_MAX) {
    throw new ConsensusError(
      'out-of-range',
      `a key of ${key.length} bytes, not 1 to ${KEY_SIZE_MAX}`,
    )
  }
  if (value !== undefined && value.length > VALUE_SIZE_MAX) {
    throw new ConsensusError(
      'out-of-range',
      `a value of ${value.length} bytes, over ${VALUE_SIZE_MAX}`,
    )
  }
}
