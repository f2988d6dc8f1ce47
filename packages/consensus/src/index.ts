/**
 * Order operations among nodes that may lie, and prove where, who, what and when.
 *
 * @packageDocumentation
 */
// merkle
export {
  createRoot,
  createTree,
  leafHash,
  LEAVES_MAX,
  merkleRoot,
  PATH_MAX,
  treeOfHashes,
  verifyPath,
} from './merkle/merkle.ts'
export type { MerkleRoot, MerkleTree, Opening } from './merkle/merkle.ts'
// end of merkle

export { ConsensusError } from './errors.ts'
export type { ConsensusErrorCode } from './errors.ts'
