import { equal, verify } from '@hypermesh/crypto'

import { verifyAnchor } from './anchor.ts'
import type { ProofTerms } from './anchor.ts'
import { verifyAudit } from './audit.ts'
import { beacon } from './beacon.ts'
import type { RecordedCommitment } from './commitment.ts'
import { CLAIM_DELAY_MAX, PRECISION } from './policy.ts'
import { claimBytes, proofCodec } from './proof.ts'
import type { ConsensusProof } from './proof.ts'
import { refuse } from './refusal.ts'
import type { ProofRefusal, ProofVerdict } from './refusal.ts'
import { verifySpace } from './space.ts'
import { verifyStakePath } from './stake.ts'
import { reExecute } from './work.ts'
import type { Pause } from './work.ts'

/** What a proof must be about, besides the terms. */
export interface ProofQuestion extends ProofTerms {
  readonly subject: Uint8Array
  /** The key that owns the subject: another validator's proof of it counts for nothing. */
  readonly owner: Uint8Array
}

export type Checked = ProofVerdict<{
  readonly proof: ConsensusProof
  readonly recorded: RecordedCommitment
}>

/**
 * Checks all four parts. It trusts the quorum for the header and the state, and the drawn auditor for the work; all
 * else it checks itself, in about two milliseconds. Pure: every validator comes to the same answer.
 *
 * @param bytes - An encoded {@link ConsensusProof}, from a peer.
 */
export function verifyInline(bytes: Uint8Array, question: ProofQuestion): Checked {
  const decoded = proofCodec.decode(bytes)
  if (!decoded.ok) return refuse({ part: 'encoding', code: decoded.refusal.code })
  const proof = decoded.value
  if (!equal(proof.subject, question.subject)) {
    return refuse({ part: 'subject', code: 'other-subject' })
  }
  if (!equal(proof.owner, question.owner)) return refuse({ part: 'subject', code: 'other-owner' })
  const anchor = verifyAnchor(proof, proof.owner, question)
  if (!anchor.ok) return anchor
  const { recorded } = anchor
  const reason =
    checkTime(proof, question) ??
    checkStake(proof, question) ??
    checkSpace(proof, recorded) ??
    checkWork(proof, recorded, question)
  return reason === undefined ? { ok: true, proof, recorded } : refuse(reason)
}

/**
 * Checks what {@link verifyInline} checks, and computes the drawn units of work again: then no auditor needs to be
 * trusted. It takes as long as eight units.
 */
export async function verifyDeep(
  bytes: Uint8Array,
  question: ProofQuestion & { readonly pause: Pause },
): Promise<Checked> {
  const checked = verifyInline(bytes, question)
  if (!checked.ok) return checked
  const { proof, recorded } = checked
  const { owner, header, work } = proof
  const seed = beacon(header, owner)
  const same = await reExecute(owner, recorded.commitment.work, seed, work.outputs, question.pause)
  return same ? checked : refuse({ part: 'work', code: 'wrong-output' })
}

// The header's own age is part of what the proof stands on; here it is the owner's word that must fit to it.
function checkTime(
  { header, time }: ConsensusProof,
  { now }: ProofQuestion,
): ProofRefusal | undefined {
  if (time.at > now + PRECISION) return { part: 'time', code: 'in-the-future' }
  const early = time.at + PRECISION < header.timestamp
  const late = time.at > header.timestamp + CLAIM_DELAY_MAX
  return early || late ? { part: 'time', code: 'out-of-bounds' } : undefined
}

function checkStake(
  { header, subject, owner, stake, time }: ConsensusProof,
  { validators, policy }: ProofQuestion,
): ProofRefusal | undefined {
  if (stake.stake < policy.stakeMin) return { part: 'stake', code: 'too-little' }
  if (!verifyStakePath(header, validators.length, owner, stake)) {
    return { part: 'stake', code: 'wrong-path' }
  }
  const claim = claimBytes(header, { subject, owner, at: time.at })
  const signed = verify('ed25519', owner, claim, stake.signature)
  return signed ? undefined : { part: 'stake', code: 'bad-signature' }
}

function checkSpace(
  { owner, header, space }: ConsensusProof,
  { commitment }: RecordedCommitment,
): ProofRefusal | undefined {
  const code = verifySpace(commitment.space, owner, beacon(header, owner), space)
  return code === undefined ? undefined : { part: 'space', code }
}

function checkWork(
  { owner, header, work }: ConsensusProof,
  { commitment }: RecordedCommitment,
  { validators }: ProofQuestion,
): ProofRefusal | undefined {
  const audited = { owner, header, work: commitment.work, outputs: work.outputs }
  const code = verifyAudit(audited, work.attestation, validators)
  return code === undefined ? undefined : { part: 'work', code }
}
