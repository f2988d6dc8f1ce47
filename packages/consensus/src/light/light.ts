import { equal, field, record } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'

import { certificateField, verifyCertificate } from '../certificate.ts'
import type { Certificate } from '../certificate.ts'
import { headerField, headerHash } from '../header.ts'
import type { Header } from '../header.ts'
import { verifyPath } from '../merkle/merkle.ts'
import { stakeRoot } from '../validator.ts'
import type { Validator } from '../validator.ts'

/** Most headers between a block and the one whose certificate makes it final. */
export const DESCENDANTS_MAX = 1024

/** Longest encoding of a {@link Finalized}, in bytes. */
export const FINALIZED_SIZE_MAX: number = 512 * 1024

/** A header with what proves that it is final. */
export interface Finalized {
  readonly header: Header
  /** A quorum's finalize votes for the last of `descendants`, or for `header` itself where there are none. */
  readonly certificate: Certificate
  /** From the header's child upwards. Empty unless the block became final through a later one. */
  readonly descendants: readonly Header[]
}

export const finalizedCodec: Codec<Finalized> = record(
  'hypermesh/finalized',
  1,
  FINALIZED_SIZE_MAX,
  {
    header: headerField,
    certificate: certificateField,
    descendants: field.list(headerField, { max: DESCENDANTS_MAX }),
  },
)

/**
 * Is the header final on this chain? All it takes is the list of its validators.
 *
 * @param validators - Those of the header's epoch, in their order.
 */
export function verifyFinalized(
  finalized: Finalized,
  validators: readonly Validator[],
  chainId: Uint8Array,
): boolean {
  const { header, certificate, descendants } = finalized
  const stakes = stakeRoot(validators)
  let last = header
  let hash = headerHash(header)
  if (!belongs(header, chainId, stakes)) return false
  for (const next of descendants) {
    if (!belongs(next, chainId, stakes) || !equal(next.parent, hash)) return false
    if (next.epoch !== last.epoch || next.height !== last.height + 1n) return false
    if (next.view <= last.view) return false
    last = next
    hash = headerHash(next)
  }
  const statement = { kind: 'finalize', epoch: last.epoch, view: last.view, hash } as const
  return verifyCertificate(certificate, statement, { chainId, validators })
}

/** Where an operation stands in a block. */
export interface Place {
  readonly index: number
  /** Operations in the block. */
  readonly size: number
  /** From the operation upwards. */
  readonly path: readonly Uint8Array[]
}

/** Is the operation in the block at that place? */
export function verifyOperation(
  { operationsRoot }: Header,
  operation: Uint8Array,
  { index, size, path }: Place,
): boolean {
  return verifyPath(operationsRoot, size, { index, leaf: operation, path })
}

function belongs(header: Header, chainId: Uint8Array, stakes: Uint8Array): boolean {
  return equal(header.chainId, chainId) && equal(header.stakeRoot, stakes)
}
