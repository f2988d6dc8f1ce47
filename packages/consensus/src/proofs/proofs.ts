/**
 * Where, who, what and when: a node commits to what it stores and computed, is surprised by a later block, and
 * answers. This room's entry.
 *
 * @module
 */
export { verifyAnchor } from './anchor.ts'
export type { Anchor, ProofTerms, RecordedAt } from './anchor.ts'
export {
  attestationCodec,
  audit,
  AUDIT_REQUEST_SIZE_MAX,
  auditRequestCodec,
  drawAuditors,
} from './audit.ts'
export type { Attestation, AuditRequest } from './audit.ts'
export { beacon, draw } from './beacon.ts'
export {
  commitmentCodec,
  commitmentKey,
  recordCommitment,
  recordedCodec,
  signCommitment,
} from './commitment.ts'
export type {
  Commitment,
  CommitmentRefusal,
  RecordedCommitment,
  SignedCommitment,
} from './commitment.ts'
export { CHALLENGE_WINDOW, CLAIM_DELAY_MAX, defaultPolicy, SEED_AGE_MAX } from './policy.ts'
export type { ProofPolicy } from './policy.ts'
export { claimBytes, PROOF_SIZE_MAX, proofCodec, SUBJECT_SIZE_MAX } from './proof.ts'
export type { ConsensusProof, TimeProof, WorkProof } from './proof.ts'
export { createProver, groundOf } from './prover.ts'
export type { ProofGround, Prover, ProverOptions, SpaceSource } from './prover.ts'
export type {
  CommitmentFault,
  ProofRefusal,
  ProofVerdict,
  TimeFault,
  WorkFault,
} from './refusal.ts'
export { SPACE_LEAF_SIZE } from './seal.ts'
export { SEAL_DRAWS, SPACE_DRAWS, spaceChallenge, verifySpace } from './space.ts'
export type { SpaceChallenge, SpaceCommitment, SpaceProof, SpaceRefusal } from './space.ts'
export { stakePath } from './stake.ts'
export type { StakeProof } from './stake.ts'
export { createSpace, openSpace } from './store.ts'
export type { CreateOptions, Space, SpaceOptions } from './store.ts'
export { verifyDeep, verifyInline } from './verify.ts'
export type { Checked, ProofQuestion } from './verify.ts'
export { performWork, unitOutput, WORK_DRAWS, workChallenge } from './work.ts'
export type { Output, Pause, Work, WorkCommitment } from './work.ts'
