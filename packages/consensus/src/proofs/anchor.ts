import { equal, field } from '@hypermesh/crypto'
import type { Field } from '@hypermesh/crypto'

import { certificateField } from '../certificate.ts'
import type { Certificate } from '../certificate.ts'
import { headerField } from '../header.ts'
import type { Header } from '../header.ts'
import { verifyFinalized } from '../light/light.ts'
import { verifyStatePath } from '../state/state.ts'
import type { Validator } from '../validator.ts'
import { commitmentKey, RECORDED_SIZE_MAX, recordedCodec, verifyCommitment } from './commitment.ts'
import type { RecordedCommitment } from './commitment.ts'
import { CHALLENGE_WINDOW, PRECISION } from './policy.ts'
import type { ProofPolicy } from './policy.ts'
import { refuse } from './refusal.ts'
import type { ProofVerdict } from './refusal.ts'

/** Most headers between the one a proof stands on and the one whose certificate makes it final. */
const PROOF_DESCENDANTS_MAX = 16

/** What proofs and audits stand on: a final header, and the owner's commitment in its state. */
export interface Anchor {
  readonly header: Header
  readonly certificate: Certificate
  readonly descendants: readonly Header[]
  readonly commitment: RecordedAt
}

/** A value of the state under `commitmentKey`, and what leads to it from the header's `stateRoot`. */
export interface RecordedAt {
  /** Encoded by `recordedCodec`. */
  readonly recorded: Uint8Array
  readonly siblings: readonly Uint8Array[]
}

/** Under what terms a proof is judged: the same on every node that judges the same operation. */
export interface ProofTerms {
  readonly chainId: Uint8Array
  /** Those of the header's epoch. */
  readonly validators: readonly Validator[]
  /** Milliseconds since 1970: the timestamp of the block that takes the proof in, or one's own clock. */
  readonly now: bigint
  readonly policy: ProofPolicy
}

/** The anchor's fields inside another record. */
export const anchorFields: {
  readonly header: Field<Header>
  readonly certificate: Field<Certificate>
  readonly descendants: Field<readonly Header[]>
  readonly commitment: Field<RecordedAt>
} = {
  header: headerField,
  certificate: certificateField,
  descendants: field.list(headerField, { max: PROOF_DESCENDANTS_MAX }),
  commitment: field.record({
    recorded: field.bytes({ max: RECORDED_SIZE_MAX }),
    siblings: field.list(field.bytes({ length: 32 }), { max: 256 }),
  }),
}

/** Is the header final and recent, and did the owner commit shortly before it, in time to be surprised by it? */
export function verifyAnchor(
  anchor: Anchor,
  owner: Uint8Array,
  terms: ProofTerms,
): ProofVerdict<{ readonly recorded: RecordedCommitment }> {
  const { header, commitment } = anchor
  if (header.timestamp > terms.now + PRECISION) {
    return refuse({ part: 'time', code: 'in-the-future' })
  }
  if (terms.now - header.timestamp > terms.policy.ageMax) {
    return refuse({ part: 'time', code: 'too-old' })
  }
  const decoded = recordedCodec.decode(commitment.recorded)
  if (!decoded.ok) return refuse({ part: 'commitment', code: 'malformed' })
  const recorded = decoded.value
  if (!equal(recorded.commitment.owner, owner)) {
    return refuse({ part: 'commitment', code: 'other-owner' })
  }
  if (recorded.height >= header.height) {
    return refuse({ part: 'commitment', code: 'not-before-header' })
  }
  if (header.height > recorded.height + CHALLENGE_WINDOW) {
    return refuse({ part: 'commitment', code: 'not-challenged' })
  }
  const place = { key: commitmentKey(owner), value: commitment.recorded }
  if (!verifyStatePath(header.stateRoot, { ...place, siblings: commitment.siblings })) {
    return refuse({ part: 'commitment', code: 'not-in-state' })
  }
  const code = verifyCommitment(recorded, { ...terms, epoch: header.epoch }, terms.policy)
  if (code !== undefined) return refuse({ part: 'commitment', code })
  // Last, because a quorum's signatures cost the most.
  if (!verifyFinalized(anchor, terms.validators, terms.chainId)) {
    return refuse({ part: 'header', code: 'not-final' })
  }
  return { ok: true, recorded }
}
