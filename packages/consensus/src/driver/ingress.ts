import { verifyCertificate } from '../certificate.ts'
import type { Clock } from '../clock.ts'
import { headerHash } from '../header.ts'
import type { Header } from '../header.ts'
import { verifyFinalized } from '../light/light.ts'
import { MESSAGE_SIZE_MAX } from '../network.ts'
import type { Event, Simplex } from '../simplex/simplex.ts'
import type { Validator } from '../validator.ts'
import { verifyVote } from '../vote.ts'
import type { Certified, Vote } from '../vote.ts'
import { Allowance } from './allowance.ts'
import type { Archive } from './archive.ts'
import { readBlock } from './chain.ts'
import type { Block, Chain } from './chain.ts'
import { decodeMessage, encodeMessage } from './message.ts'
import type { FinalBlock, Message } from './message.ts'
import { operationName } from './pool.ts'
import type { Requests } from './requests.ts'
import type { Submissions } from './submissions.ts'
import type { Turns } from './turns.ts'

/** Most messages of one peer that wait; more are lost, as they may be on any network. */
const WAITING_MAX = 1024

/** Most bytes of one peer's messages that wait. */
const WAITING_BYTES_MAX = 4 * MESSAGE_SIZE_MAX

/** What becomes of messages that hold. */
interface Receiver {
  step(event: Event): void
  goOn(): void
  finalize(
    block: Block,
    finalized: Pick<FinalBlock, 'header' | 'certificate' | 'descendants'>,
  ): void
  keepCertified(certified: Certified): void
}

export interface IngressOptions {
  readonly chainId: Uint8Array
  readonly epoch: bigint
  readonly validators: readonly Validator[]
  readonly clock: Clock
  readonly leader: (view: bigint) => number
  readonly chain: Chain
  readonly archive: Archive
  readonly simplex: Simplex
  readonly turns: Turns
  readonly requests: Requests
  readonly submissions: Submissions
  readonly node: Receiver
}

/** Where messages come in: nothing that a peer says goes on from here before it is checked. */
export class Ingress {
  readonly #options: IngressOptions
  readonly #waiting = new Map<number, { count: number; bytes: number }>()
  /** Peers that are being answered from the storage: one answer at a time for each. */
  readonly #answering = new Set<number>()
  readonly #allowance = new Allowance()

  constructor(options: IngressOptions) {
    this.#options = options
  }

  receive(from: number, bytes: Uint8Array): void {
    const waiting = this.#waiting.get(from) ?? { count: 0, bytes: 0 }
    this.#waiting.set(from, waiting)
    if (waiting.count === WAITING_MAX) return
    if (waiting.bytes + bytes.length > WAITING_BYTES_MAX) return
    waiting.count++
    waiting.bytes += bytes.length
    this.#options.turns.do(() => {
      waiting.count--
      waiting.bytes -= bytes.length
      const message = decodeMessage(bytes)
      if (message) this.#take(from, message)
    })
  }

  #take(from: number, message: Message): void {
    const { node, simplex } = this.#options
    switch (message.type) {
      case 'vote':
        this.#vote(from, message.vote)
        break
      case 'certified':
        for (const certified of message.certified) this.#certified(certified)
        break
      case 'proposal':
        this.#proposal(message)
        break
      case 'operations':
        this.#operations(from, message.operations)
        break
      case 'wantCertified': {
        const certified = simplex.certificates(message.first, message.last)
        if (certified.length > 0) this.#answer(from, { type: 'certified', certified })
        break
      }
      case 'wantBlock':
        this.#answerBlock(from, message.hash)
        break
      case 'block':
        if (this.#block(message.header, message.operations)) node.goOn()
        break
      case 'wantFinal':
        void this.#answerFinal(from, message.height)
        break
      case 'final':
        this.#final(message.blocks)
        break
    }
  }

  #vote(from: number, vote: Vote): void {
    const { epoch, node, simplex } = this.#options
    if (vote.validator !== from || vote.epoch !== epoch) return
    node.step({ type: 'heard', from })
    if (!simplex.isNews(vote) || !verifyVote(vote, this.#options)) return
    node.step({ type: 'vote', vote })
  }

  #certified(certified: Certified): void {
    const { epoch, node, simplex } = this.#options
    if (certified.epoch !== epoch || !simplex.isNewsCertified(certified)) return
    if (!verifyCertificate(certified.certificate, certified, this.#options)) return
    node.step({ type: 'certified', certified })
  }

  #proposal({ header, operations, signature }: Extract<Message, { type: 'proposal' }>): void {
    const { chain, clock, epoch, leader, node, simplex } = this.#options
    const { view } = header
    const hash = headerHash(header)
    const statement = { kind: 'propose', epoch, view, hash } as const
    const vote = { ...statement, validator: leader(view), signature }
    // News are only views that may be voted on soon, so a leader cannot fill the memory with blocks for later.
    if (!simplex.isNews(vote) || !verifyVote(vote, this.#options)) return
    const block = readBlock(header, operations)
    if (block === undefined) return
    chain.add(block)
    node.step({ type: 'proposal', proposal: { header, hash, signature }, now: clock.now() })
    node.goOn()
  }

  #operations(from: number, operations: readonly Uint8Array[]): void {
    const { chain, clock, node, submissions } = this.#options
    const now = clock.now()
    let isAny = false
    for (const operation of operations) {
      const name = operationName(operation)
      if (chain.place(name) !== undefined) continue
      isAny = submissions.admit(name, operation, from, now) === undefined || isAny
    }
    if (isAny) node.goOn()
  }

  /** A block that was asked for. */
  #block(header: Header, operations: readonly Uint8Array[]): boolean {
    const { chain, requests } = this.#options
    const hash = headerHash(header)
    if (!requests.isWanted(hash)) return false
    const block = readBlock(header, operations)
    if (block === undefined) return false
    requests.got(hash)
    // It is asked for because something stands on it.
    block.isNotarized = true
    chain.add(block)
    return true
  }

  #answerBlock(from: number, hash: Uint8Array): void {
    const block = this.#options.chain.get(hash)
    if (block === undefined || block.header.height === 0n) return
    const { header, operations } = block
    this.#answer(from, { type: 'block', header, operations })
  }

  async #answerFinal(from: number, height: bigint): Promise<void> {
    const { archive, chain, clock, turns } = this.#options
    if (height > chain.head.header.height || height < 1n) return
    if (this.#answering.has(from) || !this.#allowance.isOpen(from, clock.now())) return
    this.#answering.add(from)
    try {
      const blocks = await archive.from(height)
      if (blocks.length > 0) turns.do(() => this.#answer(from, { type: 'final', blocks }))
    } catch (error) {
      // The storage is damaged: that stops this node, in a turn like every failure.
      turns.do(() => {
        throw error
      })
    } finally {
      this.#answering.delete(from)
    }
  }

  #answer(to: number, message: Message): void {
    const { clock, turns } = this.#options
    const now = clock.now()
    if (!this.#allowance.isOpen(to, now)) return
    const bytes = encodeMessage(message)
    this.#allowance.charge(to, bytes.length, now)
    turns.send(to, bytes)
  }

  #final(blocks: readonly FinalBlock[]): void {
    const { chain, chainId, node, requests, validators } = this.#options
    let isAny = false
    for (const { operations, ...finalized } of blocks) {
      const { header } = finalized
      if (header.height !== chain.head.header.height + 1n) continue
      if (!verifyFinalized(finalized, validators, chainId)) return
      const block = readBlock(header, operations)
      if (block === undefined) return
      chain.add(block)
      node.finalize(chain.get(block.hash) ?? block, finalized)
      this.#catchUp(finalized)
      isAny = true
    }
    if (!isAny) return
    node.goOn()
    requests.wantFinal(chain.head.header.height + 1n)
  }

  // The certificate may be news to the protocol as well; if not, it is kept all the same, to answer others with.
  #catchUp({ header, certificate, descendants }: Omit<FinalBlock, 'operations'>): void {
    const { node, simplex } = this.#options
    const { epoch, view } = descendants.at(-1) ?? header
    const hash = headerHash(descendants.at(-1) ?? header)
    const certified = { kind: 'finalize', epoch, view, hash, certificate } as const
    if (simplex.isNewsCertified(certified)) node.step({ type: 'certified', certified })
    else node.keepCertified(certified)
  }
}
