import type { Lane } from './carrier.ts'
import { StoqError } from './errors.ts'
import { READ_SIZE, WRITE_SIZE_MAX } from './limits.ts'

/** Two ordered streams of bytes, one each way. */
export interface Stream {
  readonly protocol: string
  /**
   * The next bytes, at most 256 KiB; null at the end. Nothing is read ahead: bytes that nobody asks for hold up their
   * sender once the window is full.
   *
   * @throws {StoqError} `reset`, `closed`; `concurrent-read` when a read is under way.
   */
  read(): Promise<Uint8Array | null>
  /**
   * Resolves when the carrier has taken all bytes, which is not yet their arrival. Leave `bytes` unchanged until then.
   * Writes are carried out in the order of their calls.
   *
   * @throws {StoqError} `reset` when the peer reads no more, `closed`; `ended` after `end`.
   */
  write(bytes: Uint8Array): Promise<void>
  /** Ends this side after the writes before it; the other goes on. */
  end(): Promise<void>
  /** Gives up both sides here and at the peer. What is under way is lost; so is what was ended and not yet read. */
  reset(): void
}

/** What a stream tells its connection. */
export interface StreamHooks {
  /** Both sides are over. */
  readonly onDone: () => void
  /** This side gave up: the peer must hear of it even where it does not read. */
  readonly onReset: () => void
}

/** A stream over a lane. */
export class LaneStream implements Stream {
  readonly protocol: string
  readonly #lane: Lane
  readonly #hooks: StreamHooks
  #stash: Uint8Array
  #failure: StoqError | undefined
  #isReading = false
  #isReadDone = false
  #isEnded = false
  #isWriteDone = false
  #writeFailure: StoqError | undefined
  #writes: Promise<void> = Promise.resolve()
  #giveUps = new Set<(error: StoqError) => void>()
  #onGone: (() => void) | undefined

  /** @param stash - Bytes of the stream that were read before it was one. */
  constructor(protocol: string, lane: Lane, stash: Uint8Array, hooks: StreamHooks) {
    this.protocol = protocol
    this.#lane = lane
    this.#stash = stash
    this.#hooks = hooks
  }

  /** As `Stream.read`, at most `sizeMax` bytes. */
  async read(sizeMax: number = READ_SIZE): Promise<Uint8Array | null> {
    if (this.#isReading) throw new StoqError('concurrent-read', 'a read is under way')
    if (this.#failure) throw again(this.#failure)
    if (this.#stash.length > 0) {
      const bytes = this.#stash.subarray(0, sizeMax)
      this.#stash = this.#stash.subarray(bytes.length)
      return bytes
    }
    if (this.#isReadDone) return null
    this.#isReading = true
    try {
      const bytes = await this.#unlessGivenUp(this.#lane.read(sizeMax))
      if (bytes === null) this.#finish('read')
      return bytes
    } catch (error) {
      // A reset of one side is a reset of both; a lost wire answers the same ever after.
      if (error instanceof StoqError && error.code === 'reset') this.#fail(error)
      throw error
    } finally {
      this.#isReading = false
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#isEnded) return Promise.reject(new StoqError('ended', 'a write after the end'))
    return this.#queue(() => this.#put(bytes))
  }

  end(): Promise<void> {
    if (this.#isEnded) return this.#writes
    this.#isEnded = true
    return this.#queue(async () => {
      // Over from here: the end cannot be held back, and the peer may act on it before the call returns.
      this.#finish('write')
      await this.#lane.finish()
    })
  }

  reset(): void {
    if (this.#failure || this.#isDone()) return
    this.#fail(new StoqError('reset', 'the stream was reset here'))
    this.#hooks.onReset()
  }

  /** The peer gave the stream up. */
  resetByPeer(): void {
    if (!this.#isDone()) this.#fail(new StoqError('reset', 'the stream was reset by the peer'))
  }

  /** The connection is gone. Bytes that have arrived can still be read. */
  lose(): void {
    this.#gone()
  }

  /** Reads no more; the outbound side goes on. */
  deafen(): void {
    this.#stash = new Uint8Array(0)
    this.#finish('read')
    this.#lane.stop().catch(ignore)
  }

  /** Runs `listener` once if the stream is reset or lost before it is over. */
  onGone(listener: () => void): void {
    this.#onGone = listener
    if (this.#failure) this.#gone()
  }

  async #put(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += WRITE_SIZE_MAX) {
      if (this.#failure) throw again(this.#failure)
      const piece = bytes.subarray(offset, offset + WRITE_SIZE_MAX)
      await this.#unlessGivenUp(this.#lane.write(piece))
    }
  }

  // One at a time, in order: the carrier lets concurrent writes overtake one another.
  #queue(work: () => Promise<void>): Promise<void> {
    const run = async (): Promise<void> => {
      const failure = this.#failure ?? this.#writeFailure
      if (failure) throw again(failure)
      try {
        await work()
      } catch (error) {
        if (error instanceof StoqError) this.#failWrite(error)
        throw error
      }
    }
    const turn = this.#writes.then(run)
    this.#writes = turn.catch(ignore)
    return turn
  }

  // The peer may have stopped reading and still answer, so the inbound side goes on.
  #failWrite(failure: StoqError): void {
    if (this.#failure) return
    this.#writeFailure = failure
    this.#lane.reset().catch(ignore)
    this.#finish('write')
  }

  #fail(failure: StoqError): void {
    if (this.#failure) return
    this.#failure = failure
    this.#stash = new Uint8Array(0)
    for (const giveUp of this.#giveUps) giveUp(failure)
    this.#lane.reset().catch(ignore)
    this.#lane.stop().catch(ignore)
    this.#gone()
    this.#hooks.onDone()
  }

  #finish(side: 'read' | 'write'): void {
    const wasDone = this.#isDone()
    if (side === 'read') this.#isReadDone = true
    else this.#isWriteDone = true
    if (wasDone || !this.#isDone() || this.#failure) return
    this.#onGone = undefined
    this.#hooks.onDone()
  }

  #gone(): void {
    const listener = this.#onGone
    this.#onGone = undefined
    listener?.()
  }

  #isDone(): boolean {
    return this.#isReadDone && this.#isWriteDone
  }

  // A reset ends the waiting here at once, even where the carrier's own operation goes on until the peer moves.
  async #unlessGivenUp<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    this.#giveUps.add(reject)
    try {
      return await Promise.race([work, promise])
    } finally {
      this.#giveUps.delete(reject)
    }
  }
}

// A new error each time: each throw has its own stack.
function again(failure: StoqError): StoqError {
  return new StoqError(failure.code, failure.message, { cause: failure })
}

function ignore(): void {
  // What is given up may fail: nobody waits for it.
}
