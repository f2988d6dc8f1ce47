import type { Carrier, Lane, OpenCarrier, Wire } from '../carrier.ts'
import { StoqError } from '../errors.ts'
import type { Limits } from '../limits.ts'
import { Pipe } from './pipe.ts'

/**
 * A network inside one process: a carrier for `createEndpoint` with the windows, stream limits and endings of QUIC, and
 * without sockets. Dialling a place where nobody listens gets no answer, as with UDP. The window of a whole connection
 * is not simulated.
 */
export function simulatedNetwork(): OpenCarrier {
  const places = new Map<string, SimulatedCarrier>()
  let ports = 0
  return async ({ key, host, port, limits }) => {
    const chosen = port === 0 ? 40_000 + ports++ : port
    const place = `[${host}]:${chosen}`
    if (places.has(place)) throw new StoqError('port-taken', `${place} is taken`)
    const self = { key: key.publicKey, limits }
    const carrier = new SimulatedCarrier(chosen, self, places, () => places.delete(place))
    places.set(place, carrier)
    return carrier
  }
}

interface Self {
  readonly key: Uint8Array
  readonly limits: Limits
}

class SimulatedCarrier implements Carrier {
  readonly port: number
  readonly #self: Self
  readonly #places: ReadonlyMap<string, SimulatedCarrier>
  readonly #onClose: () => void
  readonly #inbound = new Queue<Wire | undefined>()
  readonly #wires = new Set<SimulatedWire>()

  constructor(
    port: number,
    self: Self,
    places: ReadonlyMap<string, SimulatedCarrier>,
    onClose: () => void,
  ) {
    this.port = port
    this.#self = self
    this.#places = places
    this.#onClose = onClose
  }

  accept(): Promise<Wire | undefined> {
    return this.#inbound.next()
  }

  async dial(host: string, port: number, signal: AbortSignal): Promise<Wire> {
    signal.throwIfAborted()
    const there = this.#places.get(`[${host}]:${port}`)
    if (there) return this.#connect(there)
    const { promise, reject } = Promise.withResolvers<never>()
    const onAbort = (): void => reject(new StoqError('unreachable', 'given up'))
    signal.addEventListener('abort', onAbort, { once: true })
    return promise
  }

  async close(): Promise<void> {
    this.#onClose()
    for (const wire of this.#wires) wire.abort()
    this.#inbound.end(undefined)
  }

  #connect(there: SimulatedCarrier): Wire {
    const near = new SimulatedWire(this.#self, there.#self.key)
    const far = new SimulatedWire(there.#self, this.#self.key)
    near.far = far
    far.far = near
    for (const [carrier, wire] of [
      [this, near],
      [there, far],
    ] as const) {
      carrier.#wires.add(wire)
      void wire.closed.then(() => carrier.#wires.delete(wire))
    }
    there.#inbound.push(far)
    return near
  }
}

class SimulatedWire implements Wire {
  readonly remoteKey: Uint8Array
  readonly closed: Promise<void>
  far: SimulatedWire | undefined
  readonly #limits: Limits
  readonly #closing = Promise.withResolvers<void>()
  readonly #inbound = new Queue<Lane>()
  readonly #pipes = new Set<Pipe>()
  readonly #waiting: (() => void)[] = []
  #opened = 0
  #live = 0
  #isClosed = false

  constructor(self: Self, remoteKey: Uint8Array) {
    this.remoteKey = remoteKey
    this.#limits = self.limits
    this.closed = this.#closing.promise
  }

  async open(): Promise<Lane> {
    const { far } = this
    if (!far) throw new StoqError('closed', 'the wire leads nowhere')
    while (!this.#isClosed && this.#live >= far.#limits.streams) {
      await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    }
    if (this.#isClosed) throw new StoqError('closed', 'the wire is gone')
    this.#live++
    let halves = 2
    const onOver = (): void => {
      halves--
      if (halves > 0) return
      this.#live--
      this.#waiting.shift()?.()
    }
    const out = this.#pipe(far.#limits.streamWindow, onOver)
    const back = this.#pipe(this.#limits.streamWindow, onOver)
    const id = this.#opened++
    // The other side sees the lane with its first bytes, or its first reset.
    let show = (): void => {
      show = () => undefined
      far.#inbound.push(laneOf(id, back, out, () => undefined))
    }
    return laneOf(id, out, back, () => show())
  }

  accept(): Promise<Lane> {
    return this.#inbound.next()
  }

  abort(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const pipe of this.#pipes) pipe.lose()
    for (const resume of this.#waiting.splice(0)) resume()
    this.#inbound.fail(new StoqError('closed', 'the wire is gone'))
    this.#closing.resolve()
    this.far?.abort()
  }

  #pipe(window: number, onOver: () => void): Pipe {
    const pipe = new Pipe(window, () => {
      this.#pipes.delete(pipe)
      onOver()
    })
    this.#pipes.add(pipe)
    return pipe
  }
}

function laneOf(id: number, out: Pipe, back: Pipe, show: () => void): Lane {
  return {
    id,
    read: (sizeMax) => back.read(sizeMax),
    write: (bytes) => {
      show()
      return out.write(bytes)
    },
    finish: () => {
      show()
      return out.finish()
    },
    reset: () => {
      show()
      return out.reset()
    },
    stop: () => back.stop(),
  }
}

/** Values that are waited for in the order of the waiting. */
class Queue<T> {
  readonly #values: T[] = []
  readonly #waiting: PromiseWithResolvers<T>[] = []
  #last: { readonly value: T } | undefined
  #failure: StoqError | undefined

  push(value: T): void {
    const first = this.#waiting.shift()
    if (first) first.resolve(value)
    else this.#values.push(value)
  }

  async next(): Promise<T> {
    const [value] = this.#values.splice(0, 1)
    if (value !== undefined) return value
    if (this.#failure) throw this.#failure
    if (this.#last) return this.#last.value
    const waiting = Promise.withResolvers<T>()
    this.#waiting.push(waiting)
    return waiting.promise
  }

  end(value: T): void {
    this.#last = { value }
    for (const waiting of this.#waiting.splice(0)) waiting.resolve(value)
  }

  fail(failure: StoqError): void {
    this.#failure = failure
    for (const waiting of this.#waiting.splice(0)) waiting.reject(failure)
  }
}
