/**
 * Order operations among nodes that may lie, and prove where, who, what and when.
 *
 * @example
 * const node = await openConsensus({ chainId, validators, self, network, clock, storage, application, genesis: [] })
 * const result = await node.submit(operation)
 * result.ok && verifyFinalized(result.finalized, validators, chainId) // true: a quorum signed it
 *
 * @packageDocumentation
 */
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

export {
  attestationCodec,
  audit,
  AUDIT_REQUEST_SIZE_MAX,
  auditRequestCodec,
  beacon,
  CHALLENGE_WINDOW,
  CLAIM_DELAY_MAX,
  claimBytes,
  commitmentCodec,
  commitmentKey,
  createProver,
  createSpace,
  defaultPolicy,
  draw,
  drawAuditors,
  groundOf,
  openSpace,
  performWork,
  PROOF_SIZE_MAX,
  proofCodec,
  recordCommitment,
  recordedCodec,
  SEAL_DRAWS,
  SEED_AGE_MAX,
  signCommitment,
  SPACE_DRAWS,
  SPACE_LEAF_SIZE,
  spaceChallenge,
  stakePath,
  SUBJECT_SIZE_MAX,
  unitOutput,
  verifyAnchor,
  verifyDeep,
  verifyInline,
  verifySpace,
  WORK_DRAWS,
  workChallenge,
} from './proofs/proofs.ts'
export type {
  Anchor,
  Attestation,
  AuditRequest,
  Checked,
  Commitment,
  CommitmentFault,
  CommitmentRefusal,
  ConsensusProof,
  CreateOptions,
  Output,
  Pause,
  ProofGround,
  ProofPolicy,
  ProofQuestion,
  ProofRefusal,
  ProofTerms,
  ProofVerdict,
  Prover,
  ProverOptions,
  RecordedAt,
  RecordedCommitment,
  SignedCommitment,
  Space,
  SpaceChallenge,
  SpaceCommitment,
  SpaceOptions,
  SpaceProof,
  SpaceRefusal,
  SpaceSource,
  StakeProof,
  TimeFault,
  TimeProof,
  Work,
  WorkCommitment,
  WorkFault,
  WorkProof,
} from './proofs/proofs.ts'

export { ANCESTORS_MAX, KEY_SIZE_MAX, OPERATION_SIZE_MAX, VALUE_SIZE_MAX } from './application.ts'
export type { Application, BlockContext, StateView, Verdict, Write } from './application.ts'
export { certificateField, statementBytes, verifyCertificate } from './certificate.ts'
export type { Certificate, Signature, Statement, VoteKind } from './certificate.ts'
export type { Clock } from './clock.ts'
export { BLOCK_OPERATIONS_MAX, BLOCK_SIZE_MAX, openConsensus } from './driver/driver.ts'
export type { Consensus, ConsensusOptions, FollowedBlock, Submitted } from './driver/driver.ts'
export { HEADER_SIZE_MAX, headerCodec, headerField, headerHash } from './header.ts'
export type { Header } from './header.ts'
export {
  DESCENDANTS_MAX,
  finalizedCodec,
  FINALIZED_SIZE_MAX,
  verifyFinalized,
  verifyOperation,
} from './light/light.ts'
export type { Finalized, Place } from './light/light.ts'
export { openJournal } from './journal/journal.ts'
export type { Journal } from './journal/journal.ts'
export { MESSAGE_SIZE_MAX } from './network.ts'
export type { Network } from './network.ts'
export type { Timing } from './simplex/simplex.ts'
export { emptyState, statePathCodec, statePathField, verifyStatePath } from './state/state.ts'
export type { State, StateLeaf, StatePath } from './state/state.ts'
export { RECORD_SIZE_MAX } from './storage.ts'
export type { Storage } from './storage.ts'
export {
  faultsOf,
  quorumOf,
  stakeCodec,
  stakeLeaf,
  stakeRoot,
  VALIDATORS_MAX,
} from './validator.ts'
export type { StakeLeaf, Validator } from './validator.ts'
export { decodeEvidence, encodeEvidence, faultOf, verifyEvidence } from './vote.ts'
export type { Certified, Evidence, Fault, Vote } from './vote.ts'

export { ConsensusError } from './errors.ts'
export type { ConsensusErrorCode } from './errors.ts'
