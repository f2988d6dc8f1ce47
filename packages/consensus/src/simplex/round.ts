import { equal } from '@hypermesh/crypto'

import { VOTE_KINDS } from '../certificate.ts'
import type { Signature, VoteKind } from '../certificate.ts'
import type { Header } from '../header.ts'
import { faultOf } from '../vote.ts'
import type { Certified, Evidence, Vote } from '../vote.ts'

/** Most proposals of one view that are kept: the second is the proof that its leader lied. */
const PROPOSALS_MAX = 2

/** A leader's block: its header, signed as a `propose` vote over the header's hash. */
export interface Proposal {
  readonly header: Header
  readonly hash: Uint8Array
  readonly signature: Uint8Array
}

/** A proposal and how far it got here. */
export interface Candidate {
  readonly proposal: Proposal
  readonly receivedAt: bigint
  stage: 'waiting' | 'asked' | 'valid' | 'invalid'
}

export type CertifiedKind = Exclude<VoteKind, 'propose'>

/** All that is known of one view. */
export class Round {
  readonly candidates: Candidate[] = []
  readonly certified: Map<CertifiedKind, Certified> = new Map()
  /** What this validator itself has said, by kind. */
  readonly own: Map<VoteKind, Vote> = new Map()
  /** The first vote of each kind and validator. Another that differs is evidence, and is not counted. */
  readonly #votes = new Map<VoteKind, Map<number, Vote>>(
    VOTE_KINDS.map((kind) => [kind, new Map()]),
  )
  readonly #accused = new Set<number>()

  /** What this validator has said, for the rules. */
  get said(): { notarized: boolean; nullified: boolean; finalized: boolean } {
    return {
      notarized: this.own.has('notarize'),
      nullified: this.own.has('nullify'),
      finalized: this.own.has('finalize'),
    }
  }

  /** Would this vote add anything? What would not is not worth the check of its signature. */
  isNews(vote: Vote): boolean {
    const known = this.#votes.get(vote.kind)?.get(vote.validator)
    if (known !== undefined) {
      return !equal(known.hash, vote.hash) && !this.#accused.has(vote.validator)
    }
    const certified = vote.kind === 'propose' ? undefined : this.certified.get(vote.kind)
    return certified === undefined || !equal(certified.hash, vote.hash)
  }

  addProposal(proposal: Proposal, receivedAt: bigint): void {
    const isKnown = this.candidates.some((known) => equal(known.proposal.hash, proposal.hash))
    if (isKnown || this.candidates.length === PROPOSALS_MAX) return
    this.candidates.push({ proposal, receivedAt, stage: 'waiting' })
  }

  /** Keeps a vote whose signature holds. @returns The proof, where it contradicts an earlier one. */
  addVote(vote: Vote): Evidence | undefined {
    const sameKind = this.#votes.get(vote.kind)
    const known = sameKind?.get(vote.validator)
    if (known === undefined) sameKind?.set(vote.validator, vote)
    if (this.#accused.has(vote.validator)) return undefined
    for (const kind of VOTE_KINDS) {
      const first = this.#votes.get(kind)?.get(vote.validator)
      if (first === undefined || faultOf(first, vote) === undefined) continue
      this.#accused.add(vote.validator)
      return { first, second: vote }
    }
    return undefined
  }

  /** The certificate that the votes for this vote's statement make, once they are enough. */
  certify(vote: Vote, quorum: number): Certified | undefined {
    const signatures: Signature[] = []
    for (const { hash, validator, signature } of this.#votes.get(vote.kind)?.values() ?? []) {
      if (equal(hash, vote.hash)) signatures.push({ validator, signature })
    }
    if (signatures.length < quorum) return undefined
    signatures.sort((a, b) => a.validator - b.validator)
    const { kind, epoch, view, hash } = vote
    return { kind, epoch, view, hash, certificate: { signatures: signatures.slice(0, quorum) } }
  }

  /** Is the block with this hash notarized here? */
  isNotarized(hash: Uint8Array): boolean {
    const certified = this.certified.get('notarize') ?? this.certified.get('finalize')
    return certified !== undefined && equal(certified.hash, hash)
  }
}
