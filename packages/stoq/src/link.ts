import { concat, equal } from '@hypermesh/crypto'

import type { Lane, Wire } from './carrier.ts'
import { decodeControl, encodeClose, encodeReset } from './control.ts'
import type { Connection } from './connection.ts'
import type { CloseReason } from './control.ts'
import { settledWithin, withDeadline, withSignal } from './deadline.ts'
import { StoqError } from './errors.ts'
import { encodeFrame, frameType } from './frame.ts'
import { Frames } from './frames.ts'
import { gather } from './gather.ts'
import { answer, introduce } from './greeting.ts'
import type { Admitted, Greeting, Speaker, TurnedAway } from './greeting.ts'
import type { Refusal } from './hello.ts'
import { BODY_SIZE_MAX } from './limits.ts'
import type { Limits } from './limits.ts'
import { decodeProtocol, encodeProtocol } from './protocol.ts'
import { checkStatus, refuseStream, status } from './service.ts'
import type { Peer, Service } from './service.ts'
import { LaneStream } from './stream.ts'
import type { Stream } from './stream.ts'

/** What a link asks of the endpoint it belongs to. */
export interface House {
  readonly limits: Limits
  readonly speaker: Speaker
  service(protocol: string): Service | undefined
  /** May wait, and turn away an inbound link whose peer was admitted. */
  screen(link: Link, instance: Uint8Array): Promise<Refusal | undefined>
  /** Takes the link in, or says why not. */
  adopt(link: Link, admitted: Admitted): Refusal | undefined
  /** The link is going: nobody is given it from here on. */
  release(link: Link): void
  onTurnedAway(turned: TurnedAway): void
  onMalformed(): void
  onHandlerError(error: unknown, protocol: string): void
}

/** Milliseconds a peer has to hear why a connection ends, before it is cut. */
const FAREWELL_MS = 200

/** Up to here a protocol's name and a request go out in one write. */
const JOIN_SIZE_MAX = 65_536

/** One wire: the greeting on its first lane, and the streams after it. */
export class Link implements Connection {
  readonly role: 'dialer' | 'acceptor'
  readonly key: Uint8Array
  readonly closed: Promise<void>
  instance: Uint8Array = new Uint8Array(0)
  closeReason: CloseReason | undefined
  readonly #wire: Wire
  readonly #house: House
  readonly #streams = new Map<string, LaneStream>()
  readonly #admission = Promise.withResolvers<void>()
  #stage: 'greeting' | 'answered' | 'open' | 'closing' = 'greeting'
  #control: Frames | undefined
  #name = ''
  #hearing: Promise<void> = Promise.resolve()

  constructor(role: 'dialer' | 'acceptor', wire: Wire, house: House) {
    this.role = role
    this.key = wire.remoteKey
    this.#wire = wire
    this.#house = house
    this.closed = wire.closed.then(() => this.#onClosed())
  }

  get peer(): Peer {
    return { key: this.key, name: this.#name }
  }

  /**
   * Greets the peer; unless both sides admit each other the link is closed after.
   *
   * @throws {StoqError} `timeout`, `closed`, `reset`.
   */
  async greet(): Promise<Greeting> {
    const expire = (): StoqError => {
      this.#wire.abort()
      return new StoqError('timeout', 'the peer did not finish its hello in time')
    }
    try {
      const greeting = await withDeadline(this.#greet(), this.#house.limits.handshakeMs, expire)
      if (!greeting.ok) await this.#turnAway(greeting)
      return greeting
    } catch (error) {
      this.#wire.abort()
      throw error
    }
  }

  async open(protocol: string, options: { readonly signal?: AbortSignal } = {}): Promise<Stream> {
    const { handshakeMs } = this.#house.limits
    const stream = await this.#launch(protocol, options.signal)
    try {
      const expire = (): StoqError => new StoqError('timeout', `no answer to ${protocol}`)
      const answered = withDeadline(stream.read(1), handshakeMs, expire)
      const first = await withSignal(answered, options.signal)
      checkStatus(first?.[0], protocol)
      return stream
    } catch (error) {
      stream.reset()
      throw error
    }
  }

  async request(
    protocol: string,
    body: Uint8Array,
    options: { readonly signal?: AbortSignal; readonly responseMax?: number } = {},
  ): Promise<Uint8Array> {
    const { signal, responseMax = BODY_SIZE_MAX } = options
    const stream = await this.#launch(protocol, signal, body)
    try {
      // The peer may answer before it has read all: a refusal counts, not the write it stopped.
      stream.end().catch(() => undefined)
      const gathered = await withSignal(gather(stream, responseMax + 1), signal)
      if (!gathered.ok) throw new StoqError('too-long', `a response over ${responseMax} bytes`)
      checkStatus(gathered.bytes[0], protocol)
      return gathered.bytes.subarray(1)
    } finally {
      stream.reset()
    }
  }

  /** Shows the peer this node's credential anew and judges the peer's; closes the link unless both pass. */
  async reintroduce(): Promise<boolean> {
    const { limits, speaker } = this.#house
    const work = async (): Promise<Greeting> => {
      const lane = await this.#wire.open()
      const settle = (admitted: Admitted): Refusal | undefined => this.#rename(admitted)
      const greeting = await introduce(new Frames(lane), speaker, this.key, settle)
      if (!greeting.ok) this.#house.onTurnedAway(greeting)
      release(lane, greeting.ok)
      return greeting
    }
    const expire = (): StoqError => new StoqError('timeout', 'no answer to a new hello')
    const greeting = await withDeadline(work(), limits.handshakeMs, expire).catch(() => undefined)
    if (greeting?.ok) return true
    await this.close('not-authenticated')
    return false
  }

  /** Tells the peer why, and cuts the wire at the latest 200 ms after. */
  async close(reason: Exclude<CloseReason, 'lost'>): Promise<void> {
    if (this.#stage === 'closing') return this.closed
    const wasOpen = this.#stage === 'open'
    this.#stage = 'closing'
    this.closeReason = reason
    this.#house.release(this)
    if (wasOpen) {
      this.#control?.send(frameType.close, encodeClose(reason)).catch(() => undefined)
      await settledWithin(this.#wire.closed, FAREWELL_MS)
    }
    this.#wire.abort()
    await this.closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close('closing')
  }

  async #greet(): Promise<Greeting> {
    const { speaker } = this.#house
    const settle = (admitted: Admitted): Refusal | undefined => this.#settle(admitted)
    const isDialer = this.role === 'dialer'
    const lane = isDialer ? await this.#wire.open() : await this.#wire.accept()
    const frames = new Frames(lane)
    this.#control = frames
    void this.#takeLanes()
    const greeting = isDialer
      ? await introduce(frames, speaker, this.key, settle)
      : await answer(frames, speaker, this.key, {
          screen: (instance) => this.#house.screen(this, instance),
          onAnswer: () => {
            if (this.#stage === 'greeting') this.#stage = 'answered'
          },
          settle,
        })
    if (greeting.ok) void this.#listen(frames)
    return greeting
  }

  #settle(admitted: Admitted): Refusal | undefined {
    if (this.#stage === 'closing') return { code: 'closing', reason: 'the endpoint is closing' }
    this.#name = admitted.name
    this.instance = admitted.instance
    const refusal = this.#house.adopt(this, admitted)
    if (refusal) return refusal
    this.#stage = 'open'
    this.#admission.resolve()
    return undefined
  }

  #rename({ name, instance }: Admitted): Refusal | undefined {
    if (!equal(instance, this.instance)) {
      return { code: 'malformed', reason: 'another start of the node on the same connection' }
    }
    this.#name = name
    return undefined
  }

  // The one who turned the other away waits for it to have heard the reason.
  async #turnAway(turned: TurnedAway): Promise<void> {
    this.#stage = 'closing'
    this.#house.onTurnedAway(turned)
    if (turned.ours) await settledWithin(this.#wire.closed, FAREWELL_MS)
    this.#wire.abort()
  }

  async #listen(frames: Frames): Promise<void> {
    try {
      for (;;) {
        const next = await frames.next()
        const control = next.ok ? decodeControl(next.frame) : undefined
        if (!control) return await this.#violate()
        if (control.type === 'close') {
          this.closeReason ??= control.reason
          this.#house.release(this)
          this.#wire.abort()
          return
        }
        this.#streams.get(streamId(!control.mine, control.id))?.resetByPeer()
      }
    } catch {
      // The wire is gone, or the peer gave up the lane without which there is no connection.
      this.#wire.abort()
    }
  }

  async #takeLanes(): Promise<void> {
    try {
      for (;;) {
        const lane = await this.#wire.accept()
        // The first word is the hello: whoever opens a second lane before it is answered gets nothing.
        if (this.#stage === 'greeting') return await this.#violate()
        if (this.#stage === 'answered') await this.#admission.promise
        if (this.#stage === 'closing') return
        void this.#serve(lane)
      }
    } catch {
      // The wire is gone: `closed` says so.
    }
  }

  async #serve(lane: Lane): Promise<void> {
    const frames = new Frames(lane)
    try {
      const expire = (): StoqError => new StoqError('timeout', 'a stream without a first frame')
      const next = await withDeadline(frames.peek(), this.#house.limits.handshakeMs, expire)
      if (!next.ok) return await this.#violate()
      const { type, payload } = next.frame
      if (type === frameType.hello) return this.#queueHello(lane, frames)
      await frames.next()
      const protocol = type === frameType.open ? decodeProtocol(payload) : undefined
      if (protocol === undefined) return await this.#violate()
      await this.#serveProtocol(protocol, this.#stream(protocol, lane, false, frames.rest()))
    } catch {
      release(lane, false)
    }
  }

  async #serveProtocol(protocol: string, stream: LaneStream): Promise<void> {
    const service = this.#house.service(protocol)
    if (!service) return refuseStream(stream, status.unknownProtocol)
    try {
      await service(stream, this.peer)
    } catch (error) {
      // A stream that broke is the peer's doing or the network's; all else is the handler's.
      const broke = error instanceof StoqError && ['reset', 'closed'].includes(error.code)
      if (!broke) this.#house.onHandlerError(error, protocol)
    }
  }

  // A peer with a new credential. One at a time: each costs a judgement, and the last one shown must stay.
  #queueHello(lane: Lane, frames: Frames): void {
    this.#hearing = this.#hearing.then(() => this.#hearHello(lane, frames))
  }

  async #hearHello(lane: Lane, frames: Frames): Promise<void> {
    try {
      const { limits, speaker } = this.#house
      const work = answer(frames, speaker, this.key, {
        screen: async () => undefined,
        onAnswer: () => undefined,
        settle: (admitted) => this.#rename(admitted),
      })
      const expire = (): StoqError => new StoqError('timeout', 'a hello that was not finished')
      const greeting = await withDeadline(work, limits.handshakeMs, expire)
      release(lane, greeting.ok)
      if (greeting.ok) return
      this.#house.onTurnedAway(greeting)
      await this.close('not-authenticated')
    } catch {
      await this.close('not-authenticated')
    }
  }

  async #launch(
    protocol: string,
    signal: AbortSignal | undefined,
    body: Uint8Array = new Uint8Array(0),
  ): Promise<LaneStream> {
    const head = encodeFrame(frameType.open, encodeProtocol(protocol))
    if (this.#stage !== 'open') {
      throw new StoqError('closed', `the connection is closed: ${this.closeReason ?? 'lost'}`)
    }
    const expire = (): StoqError => new StoqError('timeout', 'the peer allows no more streams')
    const opening = this.#wire.open()
    try {
      const waited = withDeadline(opening, this.#house.limits.handshakeMs, expire)
      const lane = await withSignal(waited, signal)
      const stream = this.#stream(protocol, lane, true, new Uint8Array(0))
      const isShort = body.length <= JOIN_SIZE_MAX
      stream.write(isShort ? concat(head, body) : head).catch(() => undefined)
      if (!isShort) stream.write(body).catch(() => undefined)
      return stream
    } catch (error) {
      opening.then((lane) => release(lane, false)).catch(() => undefined)
      throw error
    }
  }

  #stream(protocol: string, lane: Lane, mine: boolean, stash: Uint8Array): LaneStream {
    const id = streamId(mine, lane.id)
    const stream = new LaneStream(protocol, lane, stash, {
      onDone: () => this.#streams.delete(id),
      onReset: () => {
        if (this.#stage !== 'open') return
        const payload = encodeReset({ mine, id: lane.id })
        this.#control?.send(frameType.reset, payload).catch(() => undefined)
      },
    })
    this.#streams.set(id, stream)
    return stream
  }

  async #violate(): Promise<void> {
    if (this.#stage === 'closing') return
    this.#house.onMalformed()
    await this.close('malformed')
  }

  #onClosed(): void {
    this.#stage = 'closing'
    this.closeReason ??= 'lost'
    this.#house.release(this)
    this.#admission.resolve()
    for (const stream of this.#streams.values()) stream.lose()
  }
}

function streamId(mine: boolean, id: number): string {
  return `${mine ? 'mine' : 'theirs'} ${id}`
}

// A lane that is over ends well; one that was given up ends both ways.
function release(lane: Lane, isWell: boolean): void {
  const ended = isWell ? lane.finish() : lane.reset()
  ended.catch(() => undefined)
  lane.stop().catch(() => undefined)
}
