import { field, record, sha256 } from '@hypermesh/crypto'
import type { Codec, Field } from '@hypermesh/crypto'

/** Longest encoding of a header, in bytes. */
export const HEADER_SIZE_MAX = 512

/** What a quorum signs: a block by its roots. */
export interface Header {
  /** 32 bytes. */
  readonly chainId: Uint8Array
  /** The genesis, which nobody signs, has height 0. */
  readonly height: bigint
  readonly epoch: bigint
  /** The attempt in which the block was proposed. Views grow along the chain, with gaps. */
  readonly view: bigint
  /** {@link headerHash} of the block before. */
  readonly parent: Uint8Array
  /** Milliseconds since 1970, greater than the parent's, and timely to a quorum of clocks. */
  readonly timestamp: bigint
  /** Merkle root over the operations. */
  readonly operationsRoot: Uint8Array
  /** Root of the state after the operations. */
  readonly stateRoot: Uint8Array
  /** Root over the validators and their stakes. */
  readonly stakeRoot: Uint8Array
}

const fields = {
  chainId: field.bytes({ length: 32 }),
  height: field.uint(),
  epoch: field.uint(),
  view: field.uint(),
  parent: field.bytes({ length: 32 }),
  timestamp: field.uint(),
  operationsRoot: field.bytes({ length: 32 }),
  stateRoot: field.bytes({ length: 32 }),
  stakeRoot: field.bytes({ length: 32 }),
}

/** A header inside another record. */
export const headerField: Field<Header> = field.record(fields)

export const headerCodec: Codec<Header> = record('hypermesh/header', 1, HEADER_SIZE_MAX, fields)

/** What names a block: SHA-256 of its header's canonical encoding, 32 bytes. */
export function headerHash(header: Header): Uint8Array {
  return sha256(headerCodec.encode(header))
}
