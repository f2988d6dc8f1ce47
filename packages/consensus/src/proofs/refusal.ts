import type { RecordRefusal } from '@hypermesh/crypto'

import type { SpaceRefusal } from './space.ts'

/** Why a proof, or a request for an audit, counts for nothing: the part that fails, and how. */
export type ProofRefusal =
  | { readonly part: 'encoding'; readonly code: RecordRefusal['code'] }
  | { readonly part: 'subject'; readonly code: 'other-subject' | 'other-owner' }
  /** No quorum of these validators made the header final on this chain. */
  | { readonly part: 'header'; readonly code: 'not-final' }
  | { readonly part: 'commitment'; readonly code: CommitmentFault }
  | { readonly part: 'space'; readonly code: SpaceRefusal }
  | { readonly part: 'stake'; readonly code: 'wrong-path' | 'too-little' | 'bad-signature' }
  | { readonly part: 'work'; readonly code: WorkFault }
  | { readonly part: 'time'; readonly code: TimeFault }

export type CommitmentFault =
  | 'malformed'
  | 'not-in-state' // of the header
  | 'other-owner'
  | 'other-chain'
  | 'other-epoch'
  | 'too-small' // less space or work than the policy asks
  | 'bad-signature'
  | 'not-before-header' // the beacon could have been known when it was made
  | 'not-challenged' // the header is too far after it

export type WorkFault =
  | 'wrong-path' // not the committed outputs of the drawn units
  | 'not-drawn' // the auditor is not one that the beacon drew
  | 'bad-signature' // the auditor's
  | 'wrong-output' // computed again, a unit comes out differently

export type TimeFault = 'too-old' | 'in-the-future' | 'out-of-bounds' // the claimed time is not around the header's

/** What checking gives. */
export type ProofVerdict<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly reason: ProofRefusal }

export function refuse(reason: ProofRefusal): {
  readonly ok: false
  readonly reason: ProofRefusal
} {
  return { ok: false, reason }
}
