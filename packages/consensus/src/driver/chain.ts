import { equal, toHex } from '@hypermesh/crypto'

import { ANCESTORS_MAX } from '../application.ts'
import type { Application, BlockContext, Verdict } from '../application.ts'
import type { Certificate } from '../certificate.ts'
import { ConsensusError } from '../errors.ts'
import { headerHash } from '../header.ts'
import type { Header } from '../header.ts'
import type { Finalized } from '../light/light.ts'
import { merkleRoot } from '../merkle/merkle.ts'
import type { State } from '../state/state.ts'
import { stakeRoot } from '../validator.ts'
import type { Validator } from '../validator.ts'
import { BLOCK_OPERATIONS_MAX, BLOCK_SIZE_MAX } from './message.ts'
import { operationName } from './pool.ts'

/** Most blocks that are kept without being notarized or final. A leader can make two a view. */
const BLOCKS_MAX = 256

/** A block that is here. */
export interface Block {
  readonly header: Header
  readonly hash: Uint8Array
  readonly operations: readonly Uint8Array[]
  /** The operations' names, in their order. */
  readonly names: readonly string[]
  /** After the block; absent until it is executed. */
  state?: State
  isInvalid: boolean
  isNotarized: boolean
  isKept: boolean
  /** Where it is in the storage, once it is kept. */
  position?: number
}

/** An operation that may go into a block. */
export interface Candidate {
  readonly name: string
  readonly operation: Uint8Array
}

/** Where an operation is final. */
export interface FinalPlace {
  readonly height: bigint
  readonly index: number
}

export interface ChainOptions {
  readonly chainId: Uint8Array
  readonly epoch: bigint
  readonly validators: readonly Validator[]
  readonly application: Application
  /** State in which the chain begins. */
  readonly genesis: State
}

/** The blocks: the final ones in a row, and the tree of those that stand on the last of them. */
export class Chain {
  readonly #options: ChainOptions
  readonly #stakeRoot: Uint8Array
  readonly #blocks = new Map<string, Block>()
  readonly #headers = new Map<bigint, Header>()
  readonly #recent = new Map<bigint, Finalized>()
  readonly #recentNames = new Map<bigint, readonly string[]>()
  readonly #places = new Map<string, FinalPlace>()
  #head: Block

  constructor(options: ChainOptions) {
    this.#options = options
    this.#stakeRoot = stakeRoot(options.validators)
    const header: Header = {
      chainId: options.chainId,
      height: 0n,
      epoch: options.epoch,
      view: 0n,
      parent: new Uint8Array(32),
      timestamp: 0n,
      operationsRoot: merkleRoot([]),
      stateRoot: options.genesis.root,
      stakeRoot: this.#stakeRoot,
    }
    this.#head = { ...blockOf(header, []), state: options.genesis }
    this.#headers.set(0n, header)
  }

  /** The last final block; the genesis at first. */
  get head(): Block {
    return this.#head
  }

  get state(): State {
    return this.#head.state ?? this.#options.genesis
  }

  /** One of the last final blocks. */
  finalized(height: bigint): Finalized | undefined {
    return this.#recent.get(height)
  }

  /** Where an operation became final, among the last blocks. */
  place(name: string): FinalPlace | undefined {
    return this.#places.get(name)
  }

  get(hash: Uint8Array): Block | undefined {
    return equal(hash, this.#head.hash) ? this.#head : this.#blocks.get(toHex(hash))
  }

  /** Takes a block whose operations match its header. What it means is not checked yet. */
  add(block: Block): void {
    if (this.get(block.hash) !== undefined || block.header.height <= this.#head.header.height)
      return
    this.#blocks.set(toHex(block.hash), block)
    if (this.#blocks.size <= BLOCKS_MAX) return
    const oldest = this.#blocks.values().find((one) => !one.isNotarized && one !== block)
    if (oldest !== undefined) this.#blocks.delete(toHex(oldest.hash))
  }

  /** The first block missing below `hash`, down to the last final one; undefined where the way is whole. */
  missingBelow(hash: Uint8Array): Uint8Array | undefined {
    let at = hash
    while (!equal(at, this.#head.hash)) {
      const block = this.#blocks.get(toHex(at))
      if (block === undefined) return at
      if (block.header.height <= this.#head.header.height + 1n) return undefined
      at = block.header.parent
    }
    return undefined
  }

  /** What a block on `parent` would be executed in. */
  context(parent: Block, timestamp: bigint): BlockContext {
    const height = parent.header.height + 1n
    const { chainId, epoch, validators } = this.#options
    return {
      chainId,
      height,
      epoch,
      timestamp,
      parent: parent.hash,
      validators,
      ancestor: (at) =>
        at >= height || at < height - ANCESTORS_MAX ? undefined : this.#ancestor(parent, at),
    }
  }

  /** Would the operation be let in, on this state? An application that throws refuses. */
  check(operation: Uint8Array, state: State, context: BlockContext): Verdict {
    try {
      return this.#options.application.check(operation, state, context)
    } catch (error) {
      return { ok: false, reason: `the application failed: ${String(error)}` }
    }
  }

  /** Is the operation in the block, in one of its ancestors of late, or twice? */
  isRepeated(name: string, parent: Block): boolean {
    const place = this.#places.get(name)
    if (place !== undefined && place.height >= parent.header.height + 1n - ANCESTORS_MAX)
      return true
    for (let at: Block | undefined = parent; at && at !== this.#head; at = this.#parentOf(at)) {
      if (at.names.includes(name)) return true
    }
    return false
  }

  /** A block on `parent` with those of the operations that are let in, up to the limits. */
  build(parent: Block, view: bigint, timestamp: bigint, candidates: Iterable<Candidate>): Block {
    const context = this.context(parent, timestamp)
    const operations: Uint8Array[] = []
    let size = 0
    let state = this.#stateOf(parent)
    for (const { name, operation } of candidates) {
      if (operations.length === BLOCK_OPERATIONS_MAX) break
      if (size + operation.length > BLOCK_SIZE_MAX) continue
      if (this.isRepeated(name, parent)) continue
      const next = this.#apply(operation, state, context)
      if (next === undefined) continue
      state = next
      size += operation.length
      operations.push(operation)
    }
    const { chainId, epoch, height } = context
    const header = {
      chainId,
      height,
      epoch,
      view,
      parent: parent.hash,
      timestamp,
      operationsRoot: merkleRoot(operations),
      stateRoot: state.root,
      stakeRoot: this.#stakeRoot,
    }
    return { ...blockOf(header, operations), state }
  }

  /**
   * Executes the block and all below it that are not executed yet. Every one must be here.
   *
   * @returns Whether it holds: its header says what comes of its operations, and each of them was let in.
   */
  execute(block: Block): boolean {
    const path = this.#path(block)
    return path !== undefined && path.every((one) => this.#executeOne(one, false))
  }

  /**
   * Makes the block final, and all below it.
   *
   * @param above - The headers between the block and the one that the certificate is for, that one included.
   * @returns Those that became final, in order. Every one must be here.
   * @throws {ConsensusError} `fork` when the chain does not stand on what is final; `state-diverged` when the
   * operations do not come to what a quorum found.
   */
  finalize(
    block: Block,
    certificate: Certificate,
    above: readonly Header[] = [],
  ): readonly FinalizedBlock[] {
    const path = this.#path(block)
    if (path === undefined) {
      throw new ConsensusError(
        'fork',
        `${toHex(block.hash)} is final, and so is ${toHex(this.#head.hash)}`,
      )
    }
    for (const one of path) {
      if (this.#executeOne(one, true)) continue
      throw new ConsensusError(
        'state-diverged',
        `block ${one.header.height} does not come to the state of the others: is it the same application?`,
      )
    }
    const headers = [...path.map(({ header }) => header), ...above]
    const final = path.map((one, index) => {
      const descendants = headers.slice(index + 1)
      return { finalized: { header: one.header, certificate, descendants }, block: one }
    })
    for (const one of final) this.#settle(one)
    return final
  }

  #settle({ finalized, block }: FinalizedBlock): void {
    const { height } = finalized.header
    this.#head = block
    this.#headers.set(height, finalized.header)
    this.#recent.set(height, finalized)
    this.#recentNames.set(height, block.names)
    for (const [index, name] of block.names.entries()) this.#places.set(name, { height, index })
    for (const name of this.#recentNames.get(height - ANCESTORS_MAX) ?? [])
      this.#places.delete(name)
    for (const map of [this.#headers, this.#recent, this.#recentNames])
      map.delete(height - ANCESTORS_MAX)
    for (const [key, one] of this.#blocks) if (one.header.height <= height) this.#blocks.delete(key)
  }

  /** From the child of the last final block up to this one; undefined where it stands on something else. */
  #path(block: Block): readonly Block[] | undefined {
    const path: Block[] = []
    let at: Block | undefined = block
    while (at !== undefined && at !== this.#head) {
      path.push(at)
      at = this.#parentOf(at)
    }
    return at === undefined ? undefined : path.reverse()
  }

  #executeOne(block: Block, isTrusted: boolean): boolean {
    if (block.state !== undefined) return true
    const parent = this.#parentOf(block)
    if (block.isInvalid || parent === undefined) return false
    const { header } = block
    const context = this.context(parent, header.timestamp)
    let state: State | undefined = this.#stateOf(parent)
    if (!isTrusted && !this.#isWellFormed(block, parent)) state = undefined
    for (const operation of block.operations) {
      state = state && this.#apply(operation, state, context, isTrusted)
    }
    if (state === undefined || !equal(state.root, header.stateRoot)) {
      block.isInvalid = true
      return false
    }
    block.state = state
    return true
  }

  #isWellFormed({ header, names, operations }: Block, parent: Block): boolean {
    const size = operations.reduce((sum, { length }) => sum + length, 0)
    return (
      equal(header.chainId, this.#options.chainId) &&
      header.epoch === this.#options.epoch &&
      header.timestamp > parent.header.timestamp &&
      equal(header.stakeRoot, this.#stakeRoot) &&
      size <= BLOCK_SIZE_MAX &&
      new Set(names).size === names.length &&
      names.every((name) => !this.isRepeated(name, parent))
    )
  }

  /** The state after the operation; undefined when it is refused. */
  #apply(
    operation: Uint8Array,
    state: State,
    context: BlockContext,
    isTrusted = false,
  ): State | undefined {
    if (!isTrusted && !this.check(operation, state, context).ok) return undefined
    try {
      return state.write(this.#options.application.apply(operation, state, context))
    } catch {
      // The same on every validator, as all that the application does: the operation is refused.
      return undefined
    }
  }

  #stateOf(block: Block): State {
    if (block.state === undefined) throw new ConsensusError('out-of-range', 'a block not executed')
    return block.state
  }

  /** The block below, one lower: a header that gives another height stands on nothing. */
  #parentOf({ header }: Block): Block | undefined {
    const parent = this.get(header.parent)
    return parent?.header.height === header.height - 1n ? parent : undefined
  }

  #ancestor(parent: Block, height: bigint): Header | undefined {
    if (height <= this.#head.header.height) return this.#headers.get(height)
    let at: Block | undefined = parent
    while (at !== undefined && at.header.height > height) at = this.#parentOf(at)
    return at?.header
  }
}

/** A block that became final. */
export interface FinalizedBlock {
  readonly finalized: Finalized
  readonly block: Block
}

/** A block whose operations are the header's; undefined where they are not. */
export function readBlock(header: Header, operations: readonly Uint8Array[]): Block | undefined {
  if (!equal(merkleRoot(operations), header.operationsRoot)) return undefined
  return blockOf(header, operations)
}

function blockOf(header: Header, operations: readonly Uint8Array[]): Block {
  const names = operations.map((operation) => operationName(operation))
  const marks = { isInvalid: false, isNotarized: false, isKept: false }
  return { header, hash: headerHash(header), operations, names, ...marks }
}
