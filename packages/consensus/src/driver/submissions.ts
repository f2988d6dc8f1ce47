import { OPERATION_SIZE_MAX } from '../application.ts'
import type { Finalized, Place } from '../light/light.ts'
import { createTree } from '../merkle/merkle.ts'
import type { MerkleTree } from '../merkle/merkle.ts'
import type { Chain, FinalizedBlock } from './chain.ts'
import { BLOCK_SIZE_MAX } from './message.ts'
import { Pool } from './pool.ts'
import type { Waiting } from './pool.ts'

/** How many blocks an operation may be passed over before it is looked at again. */
const BLOCKS_PASSED = 4n

/** Most operations looked at again after a block. */
const RECHECKS_MAX = 64

/** Most own operations said again at a time. */
const REPEATS_MAX = 64

/** How long after it was said an operation is said again, in milliseconds. */
const REPEATED_AFTER_MS = 1000n

/** What became of an operation. */
export type Submitted =
  /** It is final; {@link verifyOperation} convinces anyone of its place. */
  | { readonly ok: true; readonly finalized: Finalized; readonly place: Place }
  | {
      readonly ok: false
      readonly code: 'refused' | 'too-long' | 'pool-full'
      readonly reason: string
    }

export interface Waiter {
  readonly resolve: (submitted: Submitted) => void
  readonly reject: (error: unknown) => void
}

/** Operations on their way into the chain, and who waits for them. */
export class Submissions {
  readonly pool: Pool = new Pool()
  readonly #chain: Chain
  readonly #waiters = new Map<string, Set<Waiter>>()

  constructor(chain: Chain) {
    this.#chain = chain
  }

  /** Takes an operation in, if the state at the head welcomes it. @returns Why not. */
  admit(
    name: string,
    operation: Uint8Array,
    from: number | undefined,
    now: bigint,
  ): Extract<Submitted, { ok: false }> | undefined {
    if (operation.length > OPERATION_SIZE_MAX) {
      const reason = `${operation.length} bytes, over ${OPERATION_SIZE_MAX}`
      return { ok: false, code: 'too-long', reason }
    }
    if (this.pool.has(name)) return undefined
    if (!this.pool.hasRoom(operation.length, from)) {
      return { ok: false, code: 'pool-full', reason: 'too many operations wait' }
    }
    const verdict = this.#check(operation, now)
    if (!verdict.ok) return { ok: false, code: 'refused', reason: verdict.reason }
    const checkedAt = this.#chain.head.header.height
    this.pool.add({ name, operation, from, checkedAt, saidAt: now })
    return undefined
  }

  wait(name: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(name)
    if (waiters) waiters.add(waiter)
    else this.#waiters.set(name, new Set([waiter]))
  }

  leave(name: string, waiter: Waiter): void {
    const waiters = this.#waiters.get(name)
    waiters?.delete(waiter)
    if (waiters?.size === 0) this.#waiters.delete(name)
  }

  /** The blocks' operations wait no longer. */
  drop(final: readonly FinalizedBlock[]): void {
    for (const { block } of final) for (const name of block.names) this.pool.remove(name)
  }

  /** Tells those who wait for operations of the blocks. */
  tell(final: readonly FinalizedBlock[]): void {
    for (const { block, finalized } of final) {
      const { names, operations } = block
      const awaited = [...names.entries()].filter(([, name]) => this.#waiters.has(name))
      if (awaited.length === 0) continue
      const tree = createTree(operations)
      for (const [index, name] of awaited) this.#answer(name, placed(finalized, tree, index))
    }
  }

  /** Puts aside what the new head no longer welcomes: it would wait for ever. */
  recheck(now: bigint): void {
    const { height } = this.#chain.head.header
    const passed: Waiting[] = []
    for (const waiting of this.pool.values()) {
      if (waiting.checkedAt + BLOCKS_PASSED <= height) passed.push(waiting)
      if (passed.length === RECHECKS_MAX) break
    }
    for (const waiting of passed) {
      const verdict = this.#check(waiting.operation, now)
      waiting.checkedAt = height
      if (verdict.ok) continue
      this.pool.remove(waiting.name)
      this.#answer(waiting.name, { ok: false, code: 'refused', reason: verdict.reason })
    }
  }

  /** Own operations that others may not have heard of: they were said, and still wait. */
  unheard(now: bigint): readonly Uint8Array[] {
    const operations: Uint8Array[] = []
    let size = 0
    for (const waiting of this.pool.values()) {
      const { from, operation, saidAt } = waiting
      if (from !== undefined || now < saidAt + REPEATED_AFTER_MS) continue
      if (operations.length === REPEATS_MAX || size + operation.length > BLOCK_SIZE_MAX) break
      waiting.saidAt = now
      size += operation.length
      operations.push(operation)
    }
    return operations
  }

  /** Nothing more will become of any. */
  reject(error: unknown): void {
    for (const waiters of this.#waiters.values()) for (const { reject } of waiters) reject(error)
    this.#waiters.clear()
  }

  #check(operation: Uint8Array, now: bigint): ReturnType<Chain['check']> {
    const { head, state } = this.#chain
    const timestamp = now > head.header.timestamp ? now : head.header.timestamp + 1n
    return this.#chain.check(operation, state, this.#chain.context(head, timestamp))
  }

  #answer(name: string, submitted: Submitted): void {
    const waiters = this.#waiters.get(name) ?? []
    this.#waiters.delete(name)
    for (const { resolve } of waiters) resolve(submitted)
  }
}

/** An operation's place in a final block. */
export function placed(finalized: Finalized, tree: MerkleTree, index: number): Submitted {
  return { ok: true, finalized, place: { index, size: tree.leaves, path: tree.path(index) } }
}
