import { equal } from '@hypermesh/crypto'

import { bitAt, branchHash, EMPTY, leafHashOf } from './path.ts'
import type { StateLeaf } from './path.ts'

/**
 * A binary tree over the bits of the keys' hashes, in which a subtree with one leaf is that leaf. Its shape and its
 * root follow from what it holds, not from how that came to be. Trees share what they have in common.
 */
export type Tree = Leaf | Branch | undefined

interface Leaf extends StateLeaf {
  readonly hash: Uint8Array
}

interface Branch {
  readonly left: Tree
  readonly right: Tree
  /** Made when it is first asked for: within a block most branches are replaced before that. */
  hash: Uint8Array | undefined
}

export function rootOf(tree: Tree): Uint8Array {
  if (tree === undefined) return EMPTY
  if ('left' in tree) tree.hash ??= branchHash(rootOf(tree.left), rootOf(tree.right))
  return tree.hash ?? EMPTY
}

export function put(tree: Tree, { keyHash, valueHash }: StateLeaf): Tree {
  return place(tree, { keyHash, valueHash, hash: leafHashOf(keyHash, valueHash) }, 0)
}

export function remove(tree: Tree, keyHash: Uint8Array, depth = 0): Tree {
  if (tree === undefined) return tree
  if (!('left' in tree)) return equal(tree.keyHash, keyHash) ? undefined : tree
  if (bitAt(keyHash, depth) === 0) {
    const left = remove(tree.left, keyHash, depth + 1)
    return left === tree.left ? tree : join(left, tree.right)
  }
  const right = remove(tree.right, keyHash, depth + 1)
  return right === tree.right ? tree : join(tree.left, right)
}

/** The siblings on the way to the key's place, from the root downwards, and the leaf that is there. */
export function descend(
  tree: Tree,
  keyHash: Uint8Array,
): { readonly siblings: readonly Uint8Array[]; readonly leaf: StateLeaf | undefined } {
  const siblings: Uint8Array[] = []
  let at = tree
  while (at !== undefined && 'left' in at) {
    const goesLeft = bitAt(keyHash, siblings.length) === 0
    siblings.push(rootOf(goesLeft ? at.right : at.left))
    at = goesLeft ? at.left : at.right
  }
  return { siblings, leaf: at }
}

function place(tree: Tree, leaf: Leaf, depth: number): Tree {
  if (tree === undefined) return leaf
  if ('left' in tree) {
    return bitAt(leaf.keyHash, depth) === 0
      ? branch(place(tree.left, leaf, depth + 1), tree.right)
      : branch(tree.left, place(tree.right, leaf, depth + 1))
  }
  return equal(tree.keyHash, leaf.keyHash) ? leaf : part(tree, leaf, depth)
}

// Two leaves stand below the branches of all the bits that they share.
function part(first: Leaf, second: Leaf, depth: number): Branch {
  const bit = bitAt(second.keyHash, depth)
  if (bitAt(first.keyHash, depth) !== bit) {
    return bit === 0 ? branch(second, first) : branch(first, second)
  }
  const below = part(first, second, depth + 1)
  return bit === 0 ? branch(below, undefined) : branch(undefined, below)
}

// A leaf left alone rises, so that the tree is the same as if the other had never been.
function join(left: Tree, right: Tree): Tree {
  if (left === undefined && (right === undefined || !('left' in right))) return right
  if (right === undefined && left !== undefined && !('left' in left)) return left
  return branch(left, right)
}

function branch(left: Tree, right: Tree): Branch {
  return { left, right, hash: undefined }
}
