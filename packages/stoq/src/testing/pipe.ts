import { setImmediate } from 'node:timers/promises'

import { StoqError } from '../errors.ts'

type State = 'open' | 'finished' | 'reset' | 'stopped' | 'lost'

/** One direction of a simulated lane: bytes, a window, and the ways it can end. */
export class Pipe {
  readonly #window: number
  readonly #onOver: () => void
  #chunks: Uint8Array[] = []
  #size = 0
  #state: State = 'open'
  #isOver = false
  #moved = Promise.withResolvers<void>()
  #writing: Promise<unknown> = Promise.resolve()
  #reading: Promise<unknown> = Promise.resolve()

  constructor(window: number, onOver: () => void) {
    this.#window = window
    this.#onOver = onOver
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#asWriter(() => this.#put(bytes))
  }

  finish(): Promise<void> {
    return this.#asWriter(async () => this.#end('finished'))
  }

  reset(): Promise<void> {
    return this.#asWriter(async () => this.#end('reset'))
  }

  read(sizeMax: number): Promise<Uint8Array | null> {
    return this.#asReader(() => this.#take(sizeMax))
  }

  stop(): Promise<void> {
    return this.#asReader(async () => this.#end('stopped'))
  }

  /** The wire is gone. What has arrived can still be read. */
  lose(): void {
    this.#end('lost')
  }

  async #put(bytes: Uint8Array): Promise<void> {
    // Leaves room for others between writes, as a system call does.
    await setImmediate()
    for (let offset = 0; offset < bytes.length;) {
      if (this.#state === 'stopped') throw new StoqError('reset', 'stopped by the peer')
      if (this.#state !== 'open') throw new StoqError('closed', `the lane is ${this.#state}`)
      const room = this.#window - this.#size
      if (room === 0) {
        await this.#moved.promise
        continue
      }
      const piece = bytes.slice(offset, offset + room)
      this.#chunks.push(piece)
      this.#size += piece.length
      offset += piece.length
      this.#move()
    }
  }

  async #take(sizeMax: number): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#state === 'reset') throw new StoqError('reset', 'reset by the peer')
      const first = this.#chunks.shift()
      if (first) {
        const bytes = first.subarray(0, sizeMax)
        if (bytes.length < first.length) this.#chunks.unshift(first.subarray(sizeMax))
        this.#size -= bytes.length
        this.#move()
        return bytes
      }
      if (this.#state === 'finished') this.#over()
      if (this.#state === 'finished' || this.#state === 'stopped') return null
      if (this.#state === 'lost') throw new StoqError('closed', 'the wire is gone')
      await this.#moved.promise
    }
  }

  #end(state: State): void {
    const ends = this.#state === 'open' || (this.#state === 'finished' && state !== 'lost')
    if (ends) this.#state = state
    if (state === 'reset' || state === 'stopped') {
      this.#chunks = []
      this.#size = 0
      this.#over()
    }
    this.#move()
  }

  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onOver()
  }

  #move(): void {
    this.#moved.resolve()
    this.#moved = Promise.withResolvers<void>()
  }

  // As in QUIC's binding, one operation of a side waits for the one before it: a reset for a write, a stop for a read.
  #asWriter<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(work)
    this.#writing = turn.catch(() => undefined)
    return turn
  }

  #asReader<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#reading.then(work)
    this.#reading = turn.catch(() => undefined)
    return turn
  }
}
