import {
  ConsensusError,
  createRoot,
  createTree,
  leafHash,
  merkleRoot,
  treeOfHashes,
  verifyPath,
} from '@hypermesh/consensus'
import { concat, fromHex, sha256, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

// The eight leaves, and the roots over the first one to eight of them, that certificate transparency logs
// (RFC 6962) are commonly tested with.
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const leaves = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, index) => sha256(Uint8Array.of(index & 255, index >> 8)))

const tree = fc
  .integer({ min: 1, max: 70 })
  .chain((size) => fc.record({ size: fc.constant(size), index: fc.nat({ max: size - 1 }) }))

describe('roots', () => {
  test.each(ROOTS.map((root, index) => ({ root, count: index + 1 })))(
    'the root over the first $count known leaves is the known one',
    ({ root, count }) => {
      const known = LEAVES.slice(0, count).map((leaf) => fromHex(leaf))
      expect(toHex(merkleRoot(known))).toBe(root)
      expect(toHex(createTree(known).root)).toBe(root)
    },
  )

  test('no leaves have the hash of nothing as root', () => {
    expect(merkleRoot([])).toEqual(sha256())
    expect(createTree([]).root).toEqual(sha256())
  })

  test('growing leaf by leaf gives the same root as the whole tree, at every size', () => {
    const growing = createRoot()
    for (const [index, leaf] of leaves(70).entries()) {
      growing.push(leaf)
      expect(growing.leaves).toBe(index + 1)
      expect(growing.root()).toEqual(createTree(leaves(index + 1)).root)
    }
  })

  test('a node cannot be passed off as a leaf', () => {
    const [left, right] = leaves(2)
    const node = concat(leafHash(left!), leafHash(right!))
    expect(merkleRoot([node])).not.toEqual(merkleRoot(leaves(2)))
    expect(verifyPath(merkleRoot(leaves(2)), 1, { index: 0, leaf: node, path: [] })).toBe(false)
  })

  test('hashes that are not whole are refused', () => {
    expect(() => treeOfHashes(new Uint8Array(33))).toThrow(ConsensusError)
  })
})

describe('paths', () => {
  test('every leaf of every tree opens', () => {
    for (let size = 1; size <= 70; size += 1) {
      const whole = createTree(leaves(size))
      for (const [index, leaf] of leaves(size).entries()) {
        expect(verifyPath(whole.root, size, { index, leaf, path: whole.path(index) })).toBe(true)
      }
    }
  })

  test('an opening of another place, leaf, size or path is refused', () => {
    fc.assert(
      fc.property(tree, fc.nat(), fc.nat(), ({ size, index }, which, bit) => {
        const whole = createTree(leaves(size))
        const leaf = leaves(size)[index]!
        const path = whole.path(index)
        const refused = (
          of: number,
          at: number,
          bytes: Uint8Array,
          hashes: readonly Uint8Array[],
        ) =>
          expect(verifyPath(whole.root, of, { index: at, leaf: bytes, path: hashes })).toBe(false)
        if (size > 1) refused(size, (index + 1 + (which % (size - 1))) % size, leaf, path)
        refused(size, index, flip(leaf, bit), path)
        refused(size, index, leaf, [...path, sha256()])
        refused(size, index, leaf, path.slice(0, -1).concat(path.length === 0 ? [leaf] : []))
        if (path.length > 0) {
          const at = which % path.length
          refused(size, index, leaf, path.with(at, flip(path[at]!, bit)))
          refused(size, index, leaf, path.with(at, path[at]!.subarray(1)))
        }
      }),
    )
  })

  test.each([
    { index: -1, of: 4 },
    { index: 4, of: 4 },
    { index: 0.5, of: 4 },
    { index: Number.NaN, of: 4 },
    { index: 0, of: 0 },
    { index: 0, of: Number.MAX_SAFE_INTEGER + 2 },
    { index: 0, of: 2 ** 32 },
  ])('a peer that claims leaf $index of $of is refused', ({ index, of }) => {
    const whole = createTree(leaves(4))
    expect(verifyPath(whole.root, of, { index, leaf: leaves(4)[0]!, path: whole.path(0) })).toBe(
      false,
    )
  })

  test('a leaf is not opened at a place of a smaller or a larger tree', () => {
    const tree = createTree(leaves(2))
    const { root } = tree
    const [first, second] = leaves(2)
    expect(verifyPath(root, 2, { index: 1, leaf: second!, path: tree.path(1) })).toBe(true)
    expect(verifyPath(root, 1, { index: 0, leaf: second!, path: tree.path(1) })).toBe(false)
    expect(verifyPath(root, 4, { index: 0, leaf: first!, path: tree.path(0) })).toBe(false)
  })

  test('a path longer than any tree is deep is refused', () => {
    const path = Array.from({ length: 33 }, () => sha256())
    expect(verifyPath(sha256(), 2 ** 32 - 1, { index: 0, leaf: sha256(), path })).toBe(false)
  })

  test('asking for a leaf that is not there throws', () => {
    expect(() => createTree(leaves(3)).path(3)).toThrow(
      expect.objectContaining({ code: 'out-of-range' }),
    )
  })
})

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const at = bit % (bytes.length * 8)
  return bytes.with(at >> 3, bytes[at >> 3]! ^ (1 << (at & 7)))
}
