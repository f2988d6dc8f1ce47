/**
 * Twins (Bano et al., 2020): a lying validator is played by two honest ones with the same key, while the network is cut
 * in two, differently in every view. Votes carry no real signatures here, so that thousands of runs take seconds.
 */
import { createSimplex, SIMPLEX_RULES } from '@hypermesh/consensus/testing'
import type { Effect, Event, Rules, Simplex } from '@hypermesh/consensus/testing'
import type { Certified, Header, Vote, VoteKind } from '@hypermesh/consensus'
import { toHex } from '@hypermesh/crypto'

export interface Scenario {
  /** Whose key each instance holds: [0, 0, 1, 2, 3] has a twin of 0. */
  readonly identities: readonly number[]
  /** For each view from 1, how its messages are cut until the network heals; other views are not cut. */
  readonly cuts: readonly Cut[]
  /** Leaders of the views from 1; beyond them they take turns. */
  readonly leaders: readonly number[]
  /** Instances that are restarted, by the view they reach then. */
  readonly restarts?: readonly { readonly instance: number; readonly view: bigint }[]
  readonly keepsJournal?: boolean
  readonly rules?: Partial<Rules>
  readonly seed?: number
}

/** Who hears, by the kind of message: bit i for instance i. One can be heard and yet not hear. */
export interface Cut {
  readonly notarize: number
  readonly nullify: number
  readonly finalize: number
}

export interface Outcome {
  /** Two blocks, both final, of which neither stands on the other. */
  readonly forks: number
  /** Validators with only one instance that signed what no honest one signs. */
  readonly liars: readonly number[]
  readonly accused: readonly number[]
  /** The highest view that every honest instance holds final. */
  readonly finalView: bigint
}

const VIEWS = 12n

/** When the cuts end, in milliseconds: every view that is cut has failed by then, if it must. */
const HEALS_AT = 1500

const NO_SIGNATURE = new Uint8Array(64)
const GENESIS = new Uint8Array(32)
const TIMING = { viewMs: 100, idleMs: 0, precisionMs: 1e9, delayMs: 1e9 }

interface Node {
  readonly instance: number
  readonly identity: number
  simplex: Simplex
  final: bigint
  readonly votes: Vote[]
  readonly certified: Certified[]
  readonly restarts: bigint[]
  generation: number
}

type Item = { at: number; order: number; to: Node; generation: number | undefined; event: Event }

export function play(scenario: Scenario): Outcome {
  const world = new World(scenario)
  world.run()
  return world.outcome()
}

class World {
  readonly #scenario: Scenario
  readonly #nodes: readonly Node[]
  readonly #headers = new Map<string, Header>()
  readonly #finals = new Map<bigint, string>()
  readonly #said = new Map<string, string>()
  readonly #liars = new Set<number>()
  readonly #accused = new Set<number>()
  readonly #queue = new Queue()
  readonly #twinned: ReadonlySet<number>
  #forks = 0
  #now = 0
  #random: number

  constructor(scenario: Scenario) {
    this.#scenario = scenario
    this.#random = scenario.seed ?? 1
    const { identities } = scenario
    this.#twinned = new Set(identities.filter((one, index) => identities.indexOf(one) !== index))
    this.#nodes = identities.map((identity, instance) => ({
      instance,
      identity,
      simplex: this.#create(identity),
      final: 0n,
      votes: [],
      certified: [],
      restarts: (scenario.restarts ?? [])
        .filter((one) => one.instance === instance)
        .map(({ view }) => view),
      generation: 0,
    }))
  }

  run(): void {
    for (const node of this.#nodes) this.#step(node, { type: 'start' })
    for (let steps = 0; steps < 20_000; steps++) {
      const item = this.#queue.pop()
      if (item === undefined || this.#honest().every(({ final }) => final >= VIEWS)) return
      this.#now = item.at
      if (item.generation !== undefined && item.generation !== item.to.generation) continue
      this.#step(item.to, item.event)
    }
  }

  outcome(): Outcome {
    let finalView = VIEWS
    for (const { final } of this.#honest()) if (final < finalView) finalView = final
    return { forks: this.#forks, liars: [...this.#liars], accused: [...this.#accused], finalView }
  }

  #honest(): readonly Node[] {
    return this.#nodes.filter(({ identity }) => !this.#twinned.has(identity))
  }

  #create(identity: number, memory?: { votes: Vote[]; certified: Certified[] }): Simplex {
    const { leaders, rules } = this.#scenario
    const validators = Math.max(...this.#scenario.identities) + 1
    return createSimplex({
      validators,
      epoch: 0n,
      genesis: GENESIS,
      leader: (view) => leaders[Number(view) - 1] ?? Number(view) % validators,
      rules: { ...SIMPLEX_RULES, ...rules },
      timing: TIMING,
      self: { index: identity, sign: () => NO_SIGNATURE },
      ...(memory && { memory }),
    })
  }

  #step(node: Node, event: Event): void {
    const [restart] = node.restarts
    if (restart !== undefined && node.simplex.view >= restart) {
      node.restarts.shift()
      node.generation++
      const keeps = this.#scenario.keepsJournal ?? true
      const memory = { votes: [...node.votes], certified: [...node.certified] }
      node.simplex = this.#create(node.identity, keeps ? memory : undefined)
      this.#step(node, { type: 'start' })
      return
    }
    for (const effect of node.simplex.step(event)) this.#carry(node, effect)
  }

  #carry(node: Node, effect: Effect): void {
    switch (effect.type) {
      case 'build':
        this.#build(node, effect.view, effect.parent)
        break
      case 'check': {
        const { header, hash } = effect.proposal
        this.#put(node, 1, { type: 'verdict', view: header.view, hash, isValid: true }, true)
        break
      }
      case 'vote':
        this.#vote(node, effect.vote)
        break
      case 'certified':
        node.certified.push(effect.certified)
        if (effect.isOwn) this.#certify(node, effect.certified)
        break
      case 'final':
        this.#final(node, effect.certified)
        break
      case 'wait':
        this.#put(node, effect.ms, { type: 'timeout', view: effect.view }, true)
        break
      case 'missing':
        for (const peer of this.#peers(node, node.simplex.view, 'nullify')) {
          for (const one of peer.simplex.certificates(effect.from, effect.to)) {
            this.#put(node, 2, { type: 'certified', certified: one })
          }
        }
        break
      case 'repeat':
        for (const vote of effect.votes) this.#send(node, vote)
        for (const one of effect.certified) this.#certify(node, one)
        break
      case 'evidence':
        this.#accused.add(effect.evidence.first.validator)
        break
    }
  }

  #build(node: Node, view: bigint, parent: Uint8Array): void {
    const hash = new Uint8Array(32)
    new DataView(hash.buffer).setBigUint64(0, view)
    hash[8] = node.instance + 1
    hash[9] = node.generation
    const header: Header = {
      chainId: GENESIS,
      height: 0n,
      epoch: 0n,
      view,
      parent,
      timestamp: 0n,
      operationsRoot: GENESIS,
      stateRoot: GENESIS,
      stakeRoot: GENESIS,
    }
    this.#headers.set(toHex(hash), header)
    this.#put(node, 1, { type: 'built', header, hash, now: 0n }, true)
  }

  #vote(node: Node, vote: Vote): void {
    node.votes.push(vote)
    this.#watch(node, vote)
    this.#send(node, vote)
  }

  // The invariant that finds a broken rule even where no fork comes of it.
  #watch(node: Node, { kind, view, hash }: Vote): void {
    if (this.#twinned.has(node.identity)) return
    const place = `${node.identity}/${view}/`
    const before = this.#said.get(place + kind)
    if (before !== undefined && before !== toHex(hash)) this.#liars.add(node.identity)
    this.#said.set(place + kind, toHex(hash))
    if (this.#said.has(`${place}nullify`) && this.#said.has(`${place}finalize`)) {
      this.#liars.add(node.identity)
    }
  }

  #send(node: Node, vote: Vote): void {
    const header = this.#headers.get(toHex(vote.hash))
    for (const peer of this.#peers(node, vote.view, vote.kind)) {
      if (vote.kind !== 'propose') {
        const delay = this.#delay()
        this.#put(peer, delay, { type: 'heard', from: vote.validator })
        this.#put(peer, delay, { type: 'vote', vote })
      } else if (header) {
        const proposal = { header, hash: vote.hash, signature: vote.signature }
        this.#put(peer, this.#delay(), { type: 'proposal', proposal, now: 0n })
      }
    }
  }

  #certify(node: Node, certified: Certified): void {
    for (const peer of this.#peers(node, certified.view, certified.kind)) {
      this.#put(peer, this.#delay(), { type: 'certified', certified })
    }
  }

  #final(node: Node, { view, hash }: Certified): void {
    if (view > node.final) node.final = view
    if (this.#twinned.has(node.identity)) return
    // Every view of the new chain, skipped ones too, must hold what others have made final there.
    const chain = new Map<bigint, string>()
    for (let at = toHex(hash), header = this.#headers.get(at); header;) {
      chain.set(header.view, at)
      at = toHex(header.parent)
      header = this.#headers.get(at)
    }
    for (const [other, final] of this.#finals) {
      if (other <= view ? chain.get(other) !== final : false) this.#forks++
    }
    this.#finals.set(view, toHex(hash))
  }

  #peers(node: Node, view: bigint, kind: VoteKind): readonly Node[] {
    return this.#nodes.filter((peer) => peer !== node && this.#hears(peer, view, kind))
  }

  #hears(to: Node, view: bigint, kind: VoteKind): boolean {
    const cut = this.#now < HEALS_AT ? this.#scenario.cuts[Number(view) - 1] : undefined
    if (cut === undefined) return true
    return ((cut[kind === 'propose' ? 'notarize' : kind] >> to.instance) & 1) === 1
  }

  #put(to: Node, after: number, event: Event, isInner = false): void {
    this.#queue.push(this.#now + after, to, isInner ? to.generation : undefined, event)
  }

  #delay(): number {
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return 1 + (this.#random >>> 29)
  }
}

class Queue {
  readonly #items: Item[] = []
  #order = 0

  push(at: number, to: Node, generation: number | undefined, event: Event): void {
    const item = { at, order: this.#order++, to, generation, event }
    let low = 0
    let high = this.#items.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#items[middle]?.at ?? 0) <= at) high = middle
      else low = middle + 1
    }
    this.#items.splice(low, 0, item)
  }

  /** The earliest; of those at one time the first that was put in. */
  pop(): Item | undefined {
    return this.#items.pop()
  }
}
