import { equal, field, record, verify } from '@hypermesh/crypto'

import { SIGNATURE_SIZE, statementBytes, VOTE_KINDS } from './certificate.ts'
import type { Certificate, Statement } from './certificate.ts'
import { VALIDATORS_MAX } from './validator.ts'
import type { Validator } from './validator.ts'

/** One validator's signature under a statement. */
export interface Vote extends Statement {
  readonly validator: number
  readonly signature: Uint8Array
}

/** A quorum's signatures under a statement. */
export interface Certified extends Statement {
  readonly certificate: Certificate
}

/** What can be wrong with two votes of one validator in one view. No honest validator ever signs such a pair. */
export type Fault =
  | 'conflicting-proposal'
  | 'conflicting-notarize'
  | 'conflicting-finalize'
  | 'nullify-finalize'

/** Proof, to anyone who knows its key, that a validator lied. */
export interface Evidence {
  readonly first: Vote
  readonly second: Vote
}

/** Bytes of a vote on the wire: kind (1) | validator (2) | epoch (8) | view (8) | hash (32) | signature (64). */
export const VOTE_SIZE = 115

export function encodeVote(vote: Vote): Uint8Array {
  const bytes = new Uint8Array(VOTE_SIZE)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, VOTE_KINDS.indexOf(vote.kind))
  view.setUint16(1, vote.validator)
  view.setBigUint64(3, vote.epoch)
  view.setBigUint64(11, vote.view)
  bytes.set(vote.hash, 19)
  bytes.set(vote.signature, 51)
  return bytes
}

/** @returns Undefined for bytes that are no vote. The signature is not checked here. */
export function decodeVote(bytes: Uint8Array): Vote | undefined {
  if (bytes.length !== VOTE_SIZE) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kind = VOTE_KINDS[view.getUint8(0)]
  const validator = view.getUint16(1)
  if (kind === undefined || validator >= VALIDATORS_MAX) return undefined
  const hash = bytes.slice(19, 51)
  // A nullify names no block: otherwise one statement would have many encodings, and votes for it would not add up.
  if (kind === 'nullify' && hash.some((byte) => byte !== 0)) return undefined
  return {
    kind,
    validator,
    epoch: view.getBigUint64(3),
    view: view.getBigUint64(11),
    hash,
    signature: bytes.slice(51, 51 + SIGNATURE_SIZE),
  }
}

export function verifyVote(
  vote: Vote,
  { chainId, validators }: { chainId: Uint8Array; validators: readonly Validator[] },
): boolean {
  const key = validators[vote.validator]?.key
  return key !== undefined && verify('ed25519', key, statementBytes(chainId, vote), vote.signature)
}

/** What the two votes are guilty of together, whoever signed them; undefined where both may be honest. */
export function faultOf(first: Vote, second: Vote): Fault | undefined {
  if (first.validator !== second.validator) return undefined
  if (first.epoch !== second.epoch || first.view !== second.view) return undefined
  if (first.kind !== second.kind) {
    const kinds = new Set([first.kind, second.kind])
    return kinds.has('nullify') && kinds.has('finalize') ? 'nullify-finalize' : undefined
  }
  if (equal(first.hash, second.hash)) return undefined
  switch (first.kind) {
    case 'propose':
      return 'conflicting-proposal'
    case 'notarize':
      return 'conflicting-notarize'
    case 'finalize':
      return 'conflicting-finalize'
    case 'nullify':
      return undefined
  }
}

/** Did the validator named in it sign both votes, and is that a fault? */
export function verifyEvidence(
  evidence: Evidence,
  mesh: { chainId: Uint8Array; validators: readonly Validator[] },
): boolean {
  return (
    faultOf(evidence.first, evidence.second) !== undefined &&
    verifyVote(evidence.first, mesh) &&
    verifyVote(evidence.second, mesh)
  )
}

const evidenceRecord = record('hypermesh/evidence', 1, 512, {
  first: field.bytes({ length: VOTE_SIZE }),
  second: field.bytes({ length: VOTE_SIZE }),
})

export function encodeEvidence({ first, second }: Evidence): Uint8Array {
  return evidenceRecord.encode({ first: encodeVote(first), second: encodeVote(second) })
}

/** @returns Undefined for bytes that are no evidence. Whether it holds, {@link verifyEvidence} says. */
export function decodeEvidence(bytes: Uint8Array): Evidence | undefined {
  const decoded = evidenceRecord.decode(bytes)
  if (!decoded.ok) return undefined
  const first = decodeVote(decoded.value.first)
  const second = decodeVote(decoded.value.second)
  return first && second && { first, second }
}
