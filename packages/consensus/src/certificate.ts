import { concat, field, verify } from '@hypermesh/crypto'
import type { Field } from '@hypermesh/crypto'

import { quorumOf, VALIDATORS_MAX } from './validator.ts'
import type { Validator } from './validator.ts'

/** Bytes of an Ed25519 signature. */
export const SIGNATURE_SIZE = 64

/** What a validator can say about a view. The numbers are on the wire. */
export const VOTE_KINDS = ['propose', 'notarize', 'nullify', 'finalize'] as const
export type VoteKind = (typeof VOTE_KINDS)[number]

/** What is signed. */
export interface Statement {
  readonly kind: VoteKind
  readonly epoch: bigint
  readonly view: bigint
  /** The block's {@link headerHash}; 32 zero bytes where the kind is `nullify`. */
  readonly hash: Uint8Array
}

/** The signatures of a quorum under one statement; which statement follows from where it stands. */
export interface Certificate {
  /** In ascending order of validators, none twice. */
  readonly signatures: readonly Signature[]
}

export interface Signature {
  /** Index into the list of validators. */
  readonly validator: number
  readonly signature: Uint8Array
}

/** A certificate inside another record. */
export const certificateField: Field<Certificate> = field.record({
  signatures: field.list(
    field.record({
      validator: field.count({ max: VALIDATORS_MAX - 1 }),
      signature: field.bytes({ length: SIGNATURE_SIZE }),
    }),
    { max: VALIDATORS_MAX },
  ),
})

const DOMAIN = new TextEncoder().encode('hypermesh/vote/1')

/**
 * The bytes a vote signs: domain (16) | chain (32) | epoch (8) | view (8) | kind (1) | hash (32), big-endian.
 * Chain, epoch and view are in them, so a vote is good for nothing else.
 */
export function statementBytes(chainId: Uint8Array, statement: Statement): Uint8Array {
  const numbers = new Uint8Array(17)
  const view = new DataView(numbers.buffer)
  view.setBigUint64(0, statement.epoch)
  view.setBigUint64(8, statement.view)
  view.setUint8(16, VOTE_KINDS.indexOf(statement.kind))
  return concat(DOMAIN, chainId, numbers, statement.hash)
}

/** Did a quorum of the validators sign the statement? Any defect is a plain no: it comes from a peer. */
export function verifyCertificate(
  certificate: Certificate,
  statement: Statement,
  { chainId, validators }: { chainId: Uint8Array; validators: readonly Validator[] },
): boolean {
  if (certificate.signatures.length < quorumOf(validators.length)) return false
  const message = statementBytes(chainId, statement)
  let last = -1
  for (const { validator, signature } of certificate.signatures) {
    const key = validators[validator]?.key
    if (key === undefined || validator <= last) return false
    if (!verify('ed25519', key, message, signature)) return false
    last = validator
  }
  return true
}
