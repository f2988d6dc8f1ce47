import { statementBytes } from '../certificate.ts'
import { ConsensusError } from '../errors.ts'
import type { Finalized } from '../light/light.ts'
import { createTree } from '../merkle/merkle.ts'
import { createSimplex, epochSeed, leaderOf, SIMPLEX_RULES } from '../simplex/simplex.ts'
import type { Effect, Event, Proposal, Simplex, Timing } from '../simplex/simplex.ts'
import type { State } from '../state/state.ts'
import { encodeEvidence, encodeVote } from '../vote.ts'
import type { Certified, Evidence, Vote } from '../vote.ts'
import type { Archive } from './archive.ts'
import type { Block, Chain, FinalizedBlock } from './chain.ts'
import type { Consensus, ConsensusOptions, FollowedBlock } from './consensus.ts'
import { Ingress } from './ingress.ts'
import { encodeMessage, entryCodec } from './message.ts'
import { operationName } from './pool.ts'
import type { Memory } from './recovery.ts'
import { Requests } from './requests.ts'
import { placed, Submissions } from './submissions.ts'
import type { Submitted, Waiter } from './submissions.ts'
import { Turns } from './turns.ts'

/** Most pieces of evidence kept: enough to exclude every validator, and no more than memory bears. */
const EVIDENCE_MAX = 1024

export interface NodeOptions extends ConsensusOptions {
  readonly epoch: bigint
  readonly timing: Timing
  readonly chain: Chain
  readonly archive: Archive
  readonly memory: Memory
}

/** The shell around the protocol: it builds, executes, keeps and sends what the protocol decides. */
export class Node implements Consensus {
  readonly done: Promise<void>
  readonly #options: NodeOptions
  readonly #chain: Chain
  readonly #simplex: Simplex
  readonly #turns: Turns
  readonly #requests: Requests
  readonly #submissions: Submissions
  readonly #evidence: Evidence[]
  readonly #listeners = new Set<(block: FollowedBlock) => void>()
  readonly #ended = Promise.withResolvers<void>()
  readonly #timers = new Map<'view' | 'idle' | 'chores', () => void>()
  #checks: Proposal[] = []
  #building: { view: bigint; parent: Uint8Array; since: bigint } | undefined
  #target: Certified | undefined
  #headAtChores = -1n
  #failure: unknown

  constructor(options: NodeOptions) {
    const { chain, epoch, chainId, memory, network, self, storage, timing, validators } = options
    this.#options = options
    this.#chain = chain
    this.#evidence = [...memory.evidence]
    this.#target = memory.target
    this.done = this.#ended.promise
    // Whoever does not look at `done` learns of the failure from the next call.
    this.done.catch(() => undefined)
    this.#turns = new Turns(storage, network, (error) => this.#end(error))
    this.#requests = new Requests(this.#turns, validators.length, self?.index)
    this.#submissions = new Submissions(chain)
    const seed = epochSeed(chainId, epoch)
    const leader = (view: bigint): number => leaderOf(seed, view, validators.length)
    this.#simplex = createSimplex({
      validators: validators.length,
      epoch,
      genesis: memory.genesis,
      leader,
      rules: SIMPLEX_RULES,
      timing,
      memory,
      ...(self && {
        self: {
          index: self.index,
          sign: (statement) => self.key.sign(statementBytes(chainId, statement)),
        },
      }),
    })
    const ingress = new Ingress({
      ...options,
      leader,
      simplex: this.#simplex,
      turns: this.#turns,
      requests: this.#requests,
      submissions: this.#submissions,
      node: this,
    })
    network.onMessage((from, message) => ingress.receive(from, message))
    this.#turns.do(() => this.step({ type: 'start' }))
    this.#turns.do(() => this.#chores())
  }

  async submit(
    operation: Uint8Array,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<Submitted> {
    signal?.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure
    const own = operation.slice()
    const name = operationName(own)
    const { promise, resolve, reject } = Promise.withResolvers<Submitted>()
    const waiter = { resolve, reject }
    const abort = (): void => {
      this.#submissions.leave(name, waiter)
      reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort)
    this.#submissions.wait(name, waiter)
    this.#turns.do(() => this.#submit(name, own, waiter))
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  head(): Finalized | undefined {
    return this.#chain.finalized(this.#chain.head.header.height)
  }

  finalized(height: bigint): Finalized | undefined {
    return this.#chain.finalized(height)
  }

  state(): State {
    return this.#chain.state
  }

  follow(listener: (block: FollowedBlock) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  evidence(): readonly Evidence[] {
    return [...this.#evidence]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(undefined)
    await this.#turns.stop()
  }

  /** Tells the protocol what happened, and does what it wants. Only ever called within a turn. */
  step(event: Event): void {
    for (const effect of this.#simplex.step(event)) this.#carry(effect)
  }

  /** More is known than before: what waited for it may go on. */
  goOn(): void {
    if (this.#target && this.#settle(this.#target)) this.#target = undefined
    this.#check()
    this.#build()
  }

  /** Makes a block final whose certificate holds, and which stands on what is here. */
  finalize(block: Block, finalized: Finalized): void {
    const { certificate, descendants } = finalized
    const final = this.#chain.finalize(block, certificate, descendants)
    for (const one of final) this.#keepBlock(one.block)
    this.#submissions.drop(final)
    this.#turns.after(() => {
      this.#options.archive.note(final)
      this.#submissions.tell(final)
      this.#publish(final)
    })
    this.#submissions.recheck(this.#options.clock.now())
  }

  /** Keeps a certificate at the end of this turn. */
  keepCertified(certified: Certified): void {
    const record = entryCodec.encode({ type: 'certified', certified })
    this.#turns.keep(record, (position) => {
      if (certified.kind === 'finalize')
        this.#options.archive.noteCertificate(certified.view, position)
    })
  }

  #submit(name: string, operation: Uint8Array, waiter: Waiter): void {
    const place = this.#chain.place(name)
    if (place !== undefined) {
      this.#submissions.leave(name, waiter)
      void this.#recall(place, waiter)
      return
    }
    const now = this.#options.clock.now()
    const isNew = !this.#submissions.pool.has(name)
    const refused = this.#submissions.admit(name, operation, undefined, now)
    if (refused) {
      this.#submissions.leave(name, waiter)
      waiter.resolve(refused)
    } else if (isNew) {
      this.#turns.send(undefined, encodeMessage({ type: 'operations', operations: [operation] }))
      this.#build()
    }
  }

  async #recall(
    { height, index }: { height: bigint; index: number },
    waiter: Waiter,
  ): Promise<void> {
    try {
      const finalized = this.#chain.finalized(height)
      const operations = await this.#options.archive.operations(height)
      if (finalized) waiter.resolve(placed(finalized, createTree(operations), index))
    } catch (error) {
      waiter.reject(error)
    }
  }

  #carry(effect: Effect): void {
    switch (effect.type) {
      case 'build':
        this.#building = { ...effect, since: this.#options.clock.now() }
        this.#build()
        break
      case 'check':
        this.#checks.push(effect.proposal)
        this.#turns.do(() => this.#check())
        break
      case 'vote':
        this.#turns.keep(entryCodec.encode({ type: 'vote', vote: encodeVote(effect.vote) }))
        this.#say(effect.vote)
        break
      case 'certified':
        this.#certify(effect.certified, effect.isOwn)
        break
      case 'final':
        this.#final(effect.certified)
        break
      case 'wait':
        this.#wake('view', effect.ms, () => this.step({ type: 'timeout', view: effect.view }))
        break
      case 'missing':
        this.#requests.wantCertified(effect.from, effect.to)
        break
      case 'repeat':
        for (const vote of effect.votes) this.#say(vote)
        this.#send(effect.certified)
        break
      case 'evidence':
        this.#accuse(effect.evidence)
        break
    }
  }

  #build(): void {
    const building = this.#building
    if (building === undefined) return
    const { parent: hash, since, view } = building
    const parent = this.#chain.get(hash)
    const missing = this.#chain.missingBelow(hash)
    if (missing !== undefined) this.#requests.wantBlock(missing)
    if (view !== this.#simplex.view) this.#building = undefined
    if (view !== this.#simplex.view || missing !== undefined || parent === undefined) return
    if (!this.#chain.execute(parent)) return
    const now = this.#options.clock.now()
    const earliest = parent.header.timestamp + 1n
    const block = this.#chain.build(
      parent,
      view,
      now > earliest ? now : earliest,
      this.#submissions.pool.values(),
    )
    const idle = since + BigInt(this.#options.timing.idleMs) - now
    if (block.operations.length === 0 && idle > 0n) {
      this.#wake('idle', Number(idle), () => this.#build())
      return
    }
    this.#building = undefined
    this.#chain.add(block)
    this.#turns.do(() => this.step({ type: 'built', header: block.header, hash: block.hash, now }))
  }

  #check(): void {
    const checks = this.#checks
    this.#checks = []
    for (const proposal of checks) {
      const block = this.#chain.get(proposal.hash)
      if (block === undefined || proposal.header.view < this.#simplex.view) continue
      const missing = this.#chain.missingBelow(proposal.hash)
      if (missing === undefined) this.#judge(proposal, block)
      else {
        this.#requests.wantBlock(missing)
        this.#checks.push(proposal)
      }
    }
  }

  #judge({ header, hash }: Proposal, block: Block): void {
    const isValid = this.#chain.execute(block)
    // Before the vote: whoever notarizes a block can hand it to those who lack it, even after a restart.
    if (isValid) this.#keepBlock(block)
    this.step({ type: 'verdict', view: header.view, hash, isValid })
  }

  #certify(certified: Certified, isOwn: boolean): void {
    this.keepCertified(certified)
    if (isOwn) this.#send([certified])
    const block = certified.kind === 'notarize' ? this.#chain.get(certified.hash) : undefined
    if (block) block.isNotarized = true
  }

  #final(certified: Certified): void {
    if (certified.view <= this.#chain.head.header.view || this.#settle(certified)) return
    this.#target = certified
    this.#requests.wantFinal(this.#chain.head.header.height + 1n)
  }

  /** Makes the block final, where it and all below it are here. */
  #settle({ view, hash, certificate }: Certified): boolean {
    const block = this.#chain.get(hash)
    if (view <= this.#chain.head.header.view) return true
    if (block === undefined || this.#chain.missingBelow(hash) !== undefined) return false
    this.finalize(block, { header: block.header, certificate, descendants: [] })
    return true
  }

  #say(vote: Vote): void {
    if (vote.kind !== 'propose') {
      this.#turns.send(undefined, encodeMessage({ type: 'vote', vote }))
      return
    }
    const block = this.#chain.get(vote.hash)
    if (block === undefined) return
    const { header, operations } = block
    const { signature } = vote
    this.#turns.send(undefined, encodeMessage({ type: 'proposal', header, operations, signature }))
  }

  #send(certified: readonly Certified[]): void {
    if (certified.length === 0) return
    this.#turns.send(undefined, encodeMessage({ type: 'certified', certified }))
  }

  #accuse(evidence: Evidence): void {
    if (this.#evidence.length === EVIDENCE_MAX) return
    this.#turns.keep(entryCodec.encode({ type: 'evidence', evidence: encodeEvidence(evidence) }))
    this.#evidence.push(evidence)
  }

  #keepBlock(block: Block): void {
    if (block.isKept) return
    block.isKept = true
    const { header, operations } = block
    this.#turns.keep(entryCodec.encode({ type: 'block', header, operations }), (position) => {
      block.position = position
    })
  }

  #publish(final: readonly FinalizedBlock[]): void {
    for (const { finalized, block } of final) {
      for (const listener of this.#listeners) {
        try {
          listener({ finalized, operations: block.operations })
        } catch (error) {
          // The listener's own fault, as anywhere: it must not stop the chain.
          queueMicrotask(() => {
            throw error
          })
        }
      }
    }
  }

  /** What is asked for again, said again and looked at again, a few times a second. */
  #chores(): void {
    const { height } = this.#chain.head.header
    if (height === this.#headAtChores) {
      this.#requests.repeat()
      // Nothing became final since: it may have become so without this node.
      this.#requests.wantFinal(height + 1n)
    }
    const operations = this.#submissions.unheard(this.#options.clock.now())
    if (operations.length > 0) {
      this.#turns.send(undefined, encodeMessage({ type: 'operations', operations }))
    }
    this.#headAtChores = height
    this.goOn()
    this.#wake('chores', Math.max(50, 2 * this.#options.timing.idleMs), () => this.#chores())
  }

  #wake(timer: 'view' | 'idle' | 'chores', ms: number, run: () => void): void {
    this.#timers.get(timer)?.()
    if (this.#failure !== undefined) return
    const { clock } = this.#options
    const cancel = clock.wake(clock.now() + BigInt(Math.ceil(ms)), () => this.#turns.do(run))
    this.#timers.set(timer, cancel)
  }

  #end(failure: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = failure ?? new ConsensusError('closed', 'the consensus is closed')
    for (const cancel of this.#timers.values()) cancel()
    this.#listeners.clear()
    this.#submissions.reject(this.#failure)
    if (failure === undefined) this.#ended.resolve()
    else this.#ended.reject(failure)
  }
}
