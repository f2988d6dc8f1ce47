import { ConsensusError } from '../errors.ts'
import type { Network } from '../network.ts'
import type { Storage } from '../storage.ts'

/** Most things done before what came of them is kept and sent. */
const WORK_MAX = 256

interface Kept {
  readonly record: Uint8Array
  readonly kept: ((position: number) => void) | undefined
}

/**
 * Does one thing after the other, and keeps the order that safety needs: what a message depends on survives a loss
 * of power before the message is sent.
 */
export class Turns {
  readonly #storage: Storage
  readonly #network: Network
  readonly #fail: (error: unknown) => void
  #work: (() => void)[] = []
  #records: Kept[] = []
  #messages: { readonly to: number | undefined; readonly message: Uint8Array }[] = []
  #after: (() => void)[] = []
  #running: Promise<void> | undefined
  #isOver = false

  constructor(storage: Storage, network: Network, fail: (error: unknown) => void) {
    this.#storage = storage
    this.#network = network
    this.#fail = fail
  }

  /** Does it soon, alone. */
  do(work: () => void): void {
    if (this.#isOver) return
    this.#work.push(work)
    this.#running ??= this.#run()
  }

  /** Keeps a record at the end of this turn. */
  keep(record: Uint8Array, kept?: (position: number) => void): void {
    this.#records.push({ record, kept })
  }

  /** Sends a message once all of this turn is kept; to everyone, where `to` is undefined. */
  send(to: number | undefined, message: Uint8Array): void {
    this.#messages.push({ to, message })
  }

  /** Does it once all of this turn is kept. */
  after(act: () => void): void {
    this.#after.push(act)
  }

  /** Takes nothing more; resolves when what is being kept is kept. */
  async stop(): Promise<void> {
    this.#isOver = true
    this.#work = []
    await this.#running
  }

  async #run(): Promise<void> {
    // Whoever calls `do` goes on first, so that nothing happens inside of what it is doing.
    await Promise.resolve()
    try {
      while (this.#work.length > 0) {
        for (const work of this.#work.splice(0, WORK_MAX)) work()
        await this.#flush()
      }
    } catch (error) {
      this.#isOver = true
      this.#fail(error)
    } finally {
      this.#running = undefined
    }
  }

  async #flush(): Promise<void> {
    const records = this.#records.splice(0)
    if (records.length > 0) {
      const positions = await this.#append(records.map(({ record }) => record))
      for (const [index, { kept }] of records.entries()) kept?.(positions[index] ?? 0)
    }
    for (const { to, message } of this.#messages.splice(0)) {
      if (to === undefined) this.#network.broadcast(message)
      else this.#network.send(to, message)
    }
    for (const act of this.#after.splice(0)) act()
  }

  async #append(records: readonly Uint8Array[]): Promise<readonly number[]> {
    try {
      return await this.#storage.append(records)
    } catch (cause) {
      if (cause instanceof ConsensusError) throw cause
      throw new ConsensusError('journal-failed', 'what was to be sent could not be kept', { cause })
    }
  }
}
