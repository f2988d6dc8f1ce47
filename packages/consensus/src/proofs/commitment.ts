import { concat, equal, field, record, verify } from '@hypermesh/crypto'
import type { Codec, RecordRefusal, SigningKey } from '@hypermesh/crypto'

import type { BlockContext, StateView, Write } from '../application.ts'
import { headerHash } from '../header.ts'
import { SEED_AGE_MAX } from './policy.ts'
import type { ProofPolicy } from './policy.ts'
import { SPACE_DRAWS, SPACE_LEAVES_MAX } from './space.ts'
import type { SpaceCommitment } from './space.ts'
import { WORK_COST_MAX, WORK_DRAWS, WORK_UNITS_MAX } from './work.ts'
import type { WorkCommitment } from './work.ts'

/** What a node binds itself to before it can know what it will be asked. */
export interface Commitment {
  readonly chainId: Uint8Array
  /** Ed25519 public key of a validator. */
  readonly owner: Uint8Array
  readonly epoch: bigint
  readonly space: SpaceCommitment
  readonly work: WorkCommitment
}

/** A commitment and its owner's signature. */
export interface SignedCommitment {
  readonly commitment: Commitment
  readonly signature: Uint8Array
}

/** A commitment in the state of the ledger, with the block that took it in: the ledger says so, not the owner. */
export interface RecordedCommitment extends SignedCommitment {
  readonly height: bigint
  /** Of that block. */
  readonly timestamp: bigint
}

export type CommitmentRefusal =
  | RecordRefusal['code']
  | 'other-chain'
  | 'other-epoch'
  | 'too-small' // less space or work than the policy asks, or more than anyone can check
  | 'not-staked'
  | 'bad-signature'
  | 'bad-seed' // not the hash of a recent block of this chain
  | 'too-soon' // after the owner's last one

const hash = field.bytes({ length: 32 })

const commitmentFields = {
  chainId: hash,
  owner: hash,
  epoch: field.uint(),
  space: field.record({ root: hash, leaves: field.count({ max: SPACE_LEAVES_MAX }) }),
  work: field.record({
    root: hash,
    units: field.count({ max: WORK_UNITS_MAX }),
    cost: field.count({ max: WORK_COST_MAX }),
    seed: hash,
    seedHeight: field.uint(),
  }),
}

const bodyCodec: Codec<Commitment> = record('hypermesh/commitment', 1, 512, commitmentFields)

const signedFields = {
  commitment: field.record(commitmentFields),
  signature: field.bytes({ length: 64 }),
}

/** Longest encoding of a recorded commitment, in bytes. */
export const RECORDED_SIZE_MAX = 1024

export const commitmentCodec: Codec<SignedCommitment> = record(
  'hypermesh/signed-commitment',
  1,
  RECORDED_SIZE_MAX,
  signedFields,
)

export const recordedCodec: Codec<RecordedCommitment> = record(
  'hypermesh/recorded-commitment',
  1,
  RECORDED_SIZE_MAX,
  { ...signedFields, height: field.uint(), timestamp: field.uint() },
)

const PREFIX = new TextEncoder().encode('proofs/commitment/')

/** Where the state of the ledger holds an owner's last commitment. */
export function commitmentKey(owner: Uint8Array): Uint8Array {
  return concat(PREFIX, owner)
}

/** @throws {CryptoError} `bad-value` when a number of the commitment is beyond its limit. */
export function signCommitment(key: SigningKey, commitment: Commitment): Uint8Array {
  const signature = key.sign(bodyCodec.encode(commitment))
  return commitmentCodec.encode({ commitment, signature })
}

/** Is it the owner's, for this chain and epoch, and as much as the policy asks? */
export function verifyCommitment(
  { commitment, signature }: SignedCommitment,
  { chainId, epoch }: { readonly chainId: Uint8Array; readonly epoch: bigint },
  policy: ProofPolicy,
): 'other-chain' | 'other-epoch' | 'too-small' | 'bad-signature' | undefined {
  const { space, work } = commitment
  if (!equal(commitment.chainId, chainId)) return 'other-chain'
  if (commitment.epoch !== epoch) return 'other-epoch'
  if (space.leaves < Math.max(policy.leavesMin, SPACE_DRAWS)) return 'too-small'
  if (work.units < Math.max(policy.unitsMin, WORK_DRAWS)) return 'too-small'
  if (work.cost < Math.max(policy.costMin, 1)) return 'too-small'
  const body = bodyCodec.encode(commitment)
  return verify('ed25519', commitment.owner, body, signature) ? undefined : 'bad-signature'
}

/**
 * What a ledger does with a commitment in one of its operations: checks it, and says what to write. Pure, and the
 * same on every validator, so an application calls it both to check and to apply.
 *
 * @param bytes - What {@link signCommitment} made.
 */
export function recordCommitment(
  bytes: Uint8Array,
  state: StateView,
  context: BlockContext,
  policy: ProofPolicy,
): { ok: true; write: Write; owner: Uint8Array } | { ok: false; reason: CommitmentRefusal } {
  const decoded = commitmentCodec.decode(bytes)
  if (!decoded.ok) return { ok: false, reason: decoded.refusal.code }
  const { commitment, signature } = decoded.value
  const { owner } = commitment
  const holder = context.validators.find(({ key }) => equal(key, owner))
  if (holder === undefined || holder.stake < policy.stakeMin) return refuse('not-staked')
  if (!seeded(commitment.work, context)) return refuse('bad-seed')
  if (tooSoon(owner, state, context, policy)) return refuse('too-soon')
  const reason = verifyCommitment(decoded.value, context, policy)
  if (reason !== undefined) return refuse(reason)
  const { height, timestamp } = context
  const value = recordedCodec.encode({ commitment, signature, height, timestamp })
  return { ok: true, write: { key: commitmentKey(owner), value }, owner }
}

function seeded({ seed, seedHeight }: WorkCommitment, context: BlockContext): boolean {
  const header = context.ancestor(seedHeight)
  if (header === undefined || context.timestamp - header.timestamp > SEED_AGE_MAX) return false
  return equal(headerHash(header), seed)
}

function tooSoon(
  owner: Uint8Array,
  state: StateView,
  { timestamp }: BlockContext,
  { intervalMin }: ProofPolicy,
): boolean {
  const bytes = state.get(commitmentKey(owner))
  if (bytes === undefined) return false
  const last = recordedCodec.decode(bytes)
  return last.ok && timestamp - last.value.timestamp < intervalMin
}

function refuse(reason: CommitmentRefusal): { ok: false; reason: CommitmentRefusal } {
  return { ok: false, reason }
}
