import { equal } from '@hypermesh/crypto'

import type { Statement, VoteKind } from '../certificate.ts'
import type { Header } from '../header.ts'
import type { Certified, Vote } from '../vote.ts'
import type { Effect, Event } from './event.ts'
import { Round } from './round.ts'
import type { Candidate, Proposal } from './round.ts'
import { patience } from './rules.ts'
import type { Rules, Timing } from './rules.ts'

export { epochSeed, leaderOf } from './leader.ts'
export { SIMPLEX_RULES } from './rules.ts'
export type { Rules, Timing } from './rules.ts'
export type { Effect, Event } from './event.ts'
export type { Proposal } from './round.ts'

/** How long votes of views below the last final one still count as evidence, in views. */
const VIEWS_RETAINED = 16n

/** A leader not heard of for so many views is not waited for at length. */
const VIEWS_SILENT = 8n

/** By how much the wait for a silent leader is shorter. */
const SILENT_DIVISOR = 16

/** Most views whose certificates are asked for, or whose votes are repeated, at a time. */
const VIEWS_TOLD = 16

const NO_BLOCK: Uint8Array = new Uint8Array(32)

export interface SimplexOptions {
  /** How many there are. */
  readonly validators: number
  readonly epoch: bigint
  /** Hash of the block that everything stands on: final from the beginning, in view 0. */
  readonly genesis: Uint8Array
  readonly leader: (view: bigint) => number
  readonly rules: Rules
  readonly timing: Timing
  /** Absent for a node that only follows. The same statement must always give the same signature. */
  readonly self?: { readonly index: number; readonly sign: (statement: Statement) => Uint8Array }
  /** What this validator kept before it was restarted: its own votes, and certificates. */
  readonly memory?: { readonly votes: readonly Vote[]; readonly certified: readonly Certified[] }
}

/** One validator of the Simplex protocol (Chan and Pass, IACR eprint 2023/463): it decides, and does nothing. */
export interface Simplex {
  /** The view it is in. */
  readonly view: bigint
  /** Takes what happened, answers with what is to be done, in this order. */
  step(event: Event): readonly Effect[]
  /** Would this vote change anything? Asked before its signature is checked. */
  isNews(vote: Vote): boolean
  /** Likewise for a certificate. */
  isNewsCertified(certified: Statement): boolean
  /** The certificates of the views from `first` to `last` that are known, and the last finalization. */
  certificates(first: bigint, last: bigint): readonly Certified[]
}

/** The state stays with the value that is returned; there is no clock, no randomness and no input or output in it. */
export function createSimplex(options: SimplexOptions): Simplex {
  return new Validator(options)
}

class Validator implements Simplex {
  readonly #options: SimplexOptions
  readonly #rounds = new Map<bigint, Round>()
  readonly #heard = new Map<number, bigint>()
  #effects: Effect[] = []
  #current = 1n
  #entered = 0n
  #hasStarted = false
  #hasNews = false
  #finalized: { readonly view: bigint; readonly hash: Uint8Array }
  #finalization: Certified | undefined
  #asksForMissing = true
  #hasAskedToBuild = false

  constructor(options: SimplexOptions) {
    this.#options = options
    this.#finalized = { view: 0n, hash: options.genesis }
    for (const vote of options.memory?.votes ?? []) this.#recall(vote)
    for (const certified of options.memory?.certified ?? []) this.#keep(certified)
  }

  get view(): bigint {
    return this.#current
  }

  step(event: Event): readonly Effect[] {
    this.#effects = []
    switch (event.type) {
      case 'start':
        this.#hasStarted = true
        break
      case 'built':
        this.#offer(event.header, event.hash, event.now)
        break
      case 'proposal':
        this.#propose(event.proposal, event.now)
        break
      case 'verdict':
        this.#judge(event.view, event.hash, event.isValid)
        break
      case 'vote':
        if (this.#isAdmitted(event.vote.view)) this.#count(event.vote)
        break
      case 'certified':
        this.#certify(event.certified, false)
        break
      case 'timeout':
        if (event.view === this.#current) this.#giveUp()
        break
      case 'heard':
        this.#heard.set(event.from, this.#current)
        break
    }
    // Going on may end the view, where one validator is a quorum.
    while (this.#hasStarted && (this.#hasNews || this.#entered !== this.#current)) this.#goOn()
    return this.#effects
  }

  isNews(vote: Vote): boolean {
    return this.#isAdmitted(vote.view) && (this.#rounds.get(vote.view)?.isNews(vote) ?? true)
  }

  isNewsCertified({ kind, view }: Statement): boolean {
    if (kind === 'propose' || view < this.#floor()) return false
    if (kind === 'finalize' && view <= this.#finalized.view) return false
    return this.#rounds.get(view)?.certified.has(kind) !== true
  }

  certificates(first: bigint, last: bigint): readonly Certified[] {
    const known = this.#finalization === undefined ? [] : [this.#finalization]
    const end = last < first + BigInt(VIEWS_TOLD) ? last : first + BigInt(VIEWS_TOLD) - 1n
    for (let view = first; view <= end; view++) {
      const certified = this.#rounds.get(view)?.certified
      for (const kind of ['notarize', 'nullify'] as const) {
        const one = certified?.get(kind)
        if (one) known.push(one)
      }
    }
    return known
  }

  #recall(vote: Vote): void {
    const round = this.#round(vote.view)
    round.own.set(vote.kind, vote)
    round.addVote(vote)
    if (vote.view > this.#current) this.#current = vote.view
  }

  /** Does what the current view allows, as far as it is known what went before. */
  #goOn(): void {
    this.#hasNews = false
    if (this.#entered !== this.#current) {
      this.#entered = this.#current
      this.#asksForMissing = true
      this.#hasAskedToBuild = false
      this.#effects.push({ type: 'wait', view: this.#current, ms: this.#patience() })
    }
    this.#lead()
    this.#consider()
  }

  #lead(): void {
    const { self, leader } = this.#options
    if (self === undefined || leader(this.#current) !== self.index) return
    const round = this.#round(this.#current)
    if (this.#hasAskedToBuild || round.own.has('propose') || round.said.nullified) return
    const parent = this.#parent()
    if (parent === undefined) return
    this.#hasAskedToBuild = true
    this.#effects.push({ type: 'build', view: this.#current, parent })
  }

  #offer(header: Header, hash: Uint8Array, now: bigint): void {
    const round = this.#round(this.#current)
    const isLate = header.view !== this.#current || round.said.nullified
    if (isLate || round.own.has('propose')) return
    const vote = this.#say('propose', header.view, hash)
    if (vote === undefined) return
    round.addProposal({ header, hash, signature: vote.signature }, now)
    this.#hasNews = true
  }

  #propose(proposal: Proposal, now: bigint): void {
    const { view } = proposal.header
    if (view <= this.#finalized.view || !this.#isAdmitted(view)) return
    const { epoch, leader } = this.#options
    const statement = { kind: 'propose', epoch, view, hash: proposal.hash } as const
    const vote = { ...statement, validator: leader(view), signature: proposal.signature }
    const round = this.#round(view)
    round.addProposal(proposal, now)
    this.#count(vote)
    this.#hasNews = true
  }

  #consider(): void {
    const round = this.#round(this.#current)
    for (const candidate of round.candidates) {
      if (candidate.stage !== 'waiting' || this.#options.self === undefined) continue
      if (!this.#options.rules.mayNotarize(round.said)) return
      if (!this.#isTimely(candidate)) {
        candidate.stage = 'invalid'
        this.#refuse()
        return
      }
      const stands = this.#standsOn(candidate.proposal)
      if (stands === undefined) continue
      candidate.stage = stands ? 'asked' : 'invalid'
      if (stands) this.#effects.push({ type: 'check', proposal: candidate.proposal })
      else this.#refuse()
    }
  }

  #judge(view: bigint, hash: Uint8Array, isValid: boolean): void {
    const round = this.#rounds.get(view)
    const candidate = round?.candidates.find((one) => equal(one.proposal.hash, hash))
    if (round === undefined || candidate?.stage !== 'asked') return
    candidate.stage = isValid ? 'valid' : 'invalid'
    if (view !== this.#current) return
    if (!isValid) this.#refuse()
    else if (this.#options.rules.mayNotarize(round.said)) this.#say('notarize', view, hash)
  }

  #isTimely({ proposal, receivedAt }: Candidate): boolean {
    const { rules, timing } = this.#options
    return rules.isTimely(proposal.header.timestamp, receivedAt, this.#failed(), timing)
  }

  /** The block that a proposal of the current view stands on; undefined while certificates are missing. */
  #parent(): Uint8Array | undefined {
    for (let view = this.#current - 1n; view > this.#finalized.view; view--) {
      const round = this.#rounds.get(view)
      const notarized = round?.certified.get('notarize')
      if (notarized) return notarized.hash
      if (!this.#maySkip(round)) return this.#miss(view)
    }
    return this.#finalized.hash
  }

  /** Does the proposal stand on a notarized block with nothing but given-up views between? */
  #standsOn({ header }: Proposal): boolean | undefined {
    for (let view = header.view - 1n; view > this.#finalized.view; view--) {
      const round = this.#rounds.get(view)
      if (round?.isNotarized(header.parent)) return true
      if (!this.#maySkip(round)) return this.#miss(view)
    }
    return equal(header.parent, this.#finalized.hash)
  }

  #maySkip(round: Round | undefined): boolean {
    return this.#options.rules.maySkip(round?.certified.has('nullify') ?? false)
  }

  #miss(view: bigint): undefined {
    if (!this.#asksForMissing) return
    this.#asksForMissing = false
    const first = view - BigInt(VIEWS_TOLD - 1)
    const from = first > this.#finalized.view ? first : this.#finalized.view + 1n
    this.#effects.push({ type: 'missing', from, to: view })
  }

  // Nothing good can come of this view any more, so it is given up before its time.
  #refuse(): void {
    const round = this.#round(this.#current)
    if (this.#options.rules.mayNullify(round.said)) this.#say('nullify', this.#current, NO_BLOCK)
  }

  #giveUp(): void {
    this.#refuse()
    if (this.#entered !== this.#current) return
    this.#asksForMissing = true
    this.#hasNews = true
    this.#effects.push({
      type: 'repeat',
      votes: this.#spoken(),
      certified: this.certificates(this.#current - 1n, this.#current - 1n),
    })
    this.#effects.push({ type: 'wait', view: this.#current, ms: this.#patience() })
  }

  // Own votes that others may still lack: those of this view, and for blocks that are not final yet.
  #spoken(): readonly Vote[] {
    const votes = [...this.#round(this.#current).own.values()]
    for (let view = this.#current - 1n; view > this.#finalized.view; view--) {
      const finalize = this.#rounds.get(view)?.own.get('finalize')
      if (finalize) votes.push(finalize)
      if (votes.length >= VIEWS_TOLD) break
    }
    return votes
  }

  #say(kind: VoteKind, view: bigint, hash: Uint8Array): Vote | undefined {
    const { self, epoch } = this.#options
    if (self === undefined) return undefined
    const statement = { kind, epoch, view, hash }
    const vote = { ...statement, validator: self.index, signature: self.sign(statement) }
    this.#round(view).own.set(kind, vote)
    this.#effects.push({ type: 'vote', vote })
    this.#count(vote)
    return vote
  }

  #count(vote: Vote): void {
    const round = this.#round(vote.view)
    const evidence = round.addVote(vote)
    if (evidence) this.#effects.push({ type: 'evidence', evidence })
    if (vote.kind === 'propose' || round.certified.has(vote.kind)) return
    const certified = round.certify(vote, this.#options.rules.quorum(this.#options.validators))
    if (certified) this.#certify(certified, true)
  }

  #certify(certified: Certified, isOwn: boolean): void {
    const { kind, view } = certified
    if (kind === 'propose' || view < this.#floor()) return
    this.#witness(certified)
    if (!this.isNewsCertified(certified)) return
    this.#effects.push({ type: 'certified', certified, isOwn })
    this.#keep(certified)
    if (kind === 'finalize') this.#effects.push({ type: 'final', certified })
    if (kind === 'notarize') this.#finalize(certified)
    this.#asksForMissing = true
    this.#hasNews = true
  }

  // The signatures of a certificate are votes: two that contradict each other are evidence here as well.
  #witness({ kind, epoch, view, hash, certificate }: Certified): void {
    const round = this.#round(view)
    for (const { validator, signature } of certificate.signatures) {
      const evidence = round.addVote({ kind, epoch, view, hash, validator, signature })
      if (evidence) this.#effects.push({ type: 'evidence', evidence })
    }
  }

  #finalize({ view, hash }: Certified): void {
    const round = this.#round(view)
    if (view <= this.#finalized.view || !this.#options.rules.mayFinalize(round.said)) return
    this.#say('finalize', view, hash)
  }

  #keep(certified: Certified): void {
    const { kind, view, hash } = certified
    if (kind === 'propose') return
    this.#round(view).certified.set(kind, certified)
    if (kind === 'finalize' && view > this.#finalized.view) {
      this.#finalized = { view, hash }
      this.#finalization = certified
      for (const old of this.#rounds.keys()) if (old < this.#floor()) this.#rounds.delete(old)
    }
    if (view >= this.#current) this.#current = view + 1n
  }

  #isAdmitted(view: bigint): boolean {
    return view >= this.#floor() && view > 0n && view <= this.#current + 1n
  }

  #floor(): bigint {
    return this.#finalized.view > VIEWS_RETAINED ? this.#finalized.view - VIEWS_RETAINED : 0n
  }

  // A view succeeds when its block is final, not when it is notarized: on a network slower than the wait, blocks are
  // notarized after all have given them up. The last view is not counted, as its votes are still on their way.
  #failed(): number {
    const since = Number(this.#current - this.#finalized.view)
    return Math.max(0, since - 2)
  }

  #patience(): number {
    const { leader, self, timing } = this.#options
    const ms = patience(timing.viewMs, this.#failed())
    const at = leader(this.#current)
    const isSilent = (this.#heard.get(at) ?? 0n) + VIEWS_SILENT < this.#current
    return at !== self?.index && isSilent ? Math.ceil(ms / SILENT_DIVISOR) : ms
  }

  #round(view: bigint): Round {
    let round = this.#rounds.get(view)
    if (round === undefined) {
      round = new Round()
      this.#rounds.set(view, round)
    }
    return round
  }
}
