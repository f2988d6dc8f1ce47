import { field, record } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'

import { headerHash } from '../header.ts'
import type { Header } from '../header.ts'
import { VALIDATORS_MAX } from '../validator.ts'
import { anchorFields } from './anchor.ts'
import type { Anchor } from './anchor.ts'
import { attestationField, outputsField } from './audit.ts'
import type { Attestation } from './audit.ts'
import { SPACE_LEAF_SIZE } from './seal.ts'
import { SPACE_LEAVES_MAX, SPACE_OPENINGS_MAX, SPACE_PATH_MAX } from './space.ts'
import type { SpaceProof } from './space.ts'
import type { StakeProof } from './stake.ts'
import type { Output } from './work.ts'

/** Longest encoding of a proof, in bytes. One for 4 MiB of space among four validators is about 40 KiB. */
export const PROOF_SIZE_MAX: number = 128 * 1024

/** Longest subject, in bytes. */
export const SUBJECT_SIZE_MAX = 64

/** Where, who, what and when: one owner's claim on one subject, all four parts always. */
export interface ConsensusProof extends Anchor {
  /** What the claim is about: the id of an asset, say. */
  readonly subject: Uint8Array
  /** Ed25519 public key of a validator. */
  readonly owner: Uint8Array
  readonly space: SpaceProof
  readonly stake: StakeProof
  readonly work: WorkProof
  readonly time: TimeProof
}

/** WHAT: the owner has computed something that it could not have begun before a certain block. */
export interface WorkProof {
  readonly outputs: readonly Output[]
  readonly attestation: Attestation
}

/** WHEN: a moment around the header's, which a quorum of clocks found timely. */
export interface TimeProof {
  /** Milliseconds since 1970, by the owner's clock. */
  readonly at: bigint
}

const hash = field.bytes({ length: 32 })

export const proofCodec: Codec<ConsensusProof> = record(
  'hypermesh/consensus-proof',
  1,
  PROOF_SIZE_MAX,
  {
    ...anchorFields,
    subject: field.bytes({ max: SUBJECT_SIZE_MAX }),
    owner: hash,
    space: field.record({
      openings: field.list(
        field.record({
          index: field.count({ max: SPACE_LEAVES_MAX - 1 }),
          leaf: field.bytes({ length: SPACE_LEAF_SIZE }),
          path: field.list(hash, { max: SPACE_PATH_MAX }),
        }),
        { max: SPACE_OPENINGS_MAX },
      ),
    }),
    stake: field.record({
      index: field.count({ max: VALIDATORS_MAX - 1 }),
      stake: field.uint(),
      path: field.list(hash, { max: Math.ceil(Math.log2(VALIDATORS_MAX)) }),
      signature: field.bytes({ length: 64 }),
    }),
    work: field.record({ outputs: outputsField, attestation: attestationField }),
    time: field.record({ at: field.uint() }),
  },
)

interface Claim {
  readonly chainId: Uint8Array
  readonly epoch: bigint
  readonly header: Uint8Array
  readonly subject: Uint8Array
  readonly owner: Uint8Array
  readonly at: bigint
}

const claimCodec: Codec<Claim> = record('hypermesh/claim', 1, 512, {
  chainId: hash,
  epoch: field.uint(),
  header: hash,
  subject: field.bytes({ max: SUBJECT_SIZE_MAX }),
  owner: hash,
  at: field.uint(),
})

/** What the owner signs: this subject, on this header, at this time. */
export function claimBytes(
  header: Header,
  { subject, owner, at }: Pick<Claim, 'subject' | 'owner' | 'at'>,
): Uint8Array {
  const { chainId, epoch } = header
  return claimCodec.encode({ chainId, epoch, header: headerHash(header), subject, owner, at })
}
