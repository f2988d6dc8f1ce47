import { draw, equal, systemRandom, toHex } from '@hypermesh/crypto'
import type { Random, SigningKey } from '@hypermesh/crypto'

import type { PeerAuthenticator } from './authenticator.ts'
import type { Carrier, OpenCarrier, Wire } from './carrier.ts'
import type { Connection } from './connection.ts'
import { settledWithin, withDeadline, withSignal } from './deadline.ts'
import { StoqError } from './errors.ts'
import { checkCredential } from './greeting.ts'
import type { Admitted, Speaker, TurnedAway } from './greeting.ts'
import type { Refusal } from './hello.ts'
import { defaultLimits } from './limits.ts'
import type { Limits } from './limits.ts'
import { Link } from './link.ts'
import type { House } from './link.ts'
import { encodeProtocol } from './protocol.ts'
import { quicCarrier } from './quic.ts'
import { requestService, streamService } from './service.ts'
import type { Peer, RequestHandler, Service, StreamHandler } from './service.ts'

/** Where a node listens, and the Ed25519 key it must prove. */
export interface Address {
  /** An IP address: names are resolved elsewhere. */
  readonly host: string
  readonly port: number
  /** 32 bytes. */
  readonly key: Uint8Array
}

/** What has happened since the endpoint started. */
export interface Counts {
  /** Hellos that ended with both sides let in. */
  readonly admitted: number
  /** Peers turned away. */
  readonly refused: number
  /** Peers that broke the protocol, and were cut off. */
  readonly malformed: number
  /** Handlers that threw. */
  readonly failed: number
}

export interface EndpointOptions {
  /** Ed25519: the key this node proves. */
  readonly key: SigningKey
  readonly authenticator: PeerAuthenticator
  /** The IP address to listen at: '::1' unless given. */
  readonly host?: string
  /** The UDP port: 0, which is any free one, unless given. */
  readonly port?: number
  readonly limits?: Partial<Limits>
  /** What moves the bytes: QUIC unless given. */
  readonly carrier?: OpenCarrier
  readonly random?: Random
  /** Hears what others threw; `context` is the handler's protocol, 'authenticator' or 'onPeer'. */
  readonly onError?: (error: unknown, context: string) => void
}

/** One node's end of all its connections. */
export interface Endpoint extends AsyncDisposable {
  readonly address: Address
  /**
   * The connection to a peer: the live one where there is one, else a new one. Calls for one peer share one dial, and
   * two peers that dial each other end up with one connection.
   *
   * @throws {StoqError} `unreachable` when nobody answers in time, `wrong-key` when somebody else does, `refused` when
   * either side turns the other away, `timeout` when the hello takes too long, `bad-address`, `aborted`, `closed`.
   */
  connect(address: Address, options?: { readonly signal?: AbortSignal }): Promise<Connection>
  /** The live connection to the peer with this key. */
  connection(key: Uint8Array): Connection | undefined
  /** @throws {StoqError} `protocol-taken`, `bad-protocol`. */
  handle(protocol: string, handler: StreamHandler): void
  /**
   * Answers `Connection.request`. Bodies over `requestMax` bytes, 16 MiB unless given, are refused.
   *
   * @throws {StoqError} `protocol-taken`, `bad-protocol`.
   */
  handleRequest(
    protocol: string,
    handler: RequestHandler,
    options?: { readonly requestMax?: number },
  ): void
  /**
   * Judges every peer anew, and shows them the new credential. Streams of those that pass go on undisturbed; the
   * connections of the others are closed. A peer has `handshakeMs` to answer.
   *
   * @throws {StoqError} `bad-credential`.
   */
  setAuthenticator(
    authenticator: PeerAuthenticator,
  ): Promise<{ readonly kept: number; readonly dropped: number }>
  peers(): readonly Peer[]
  /** Runs `listener` for each connection from now on, inbound or outbound; returns what stops that. */
  onPeer(listener: (connection: Connection) => void): () => void
  counts(): Counts
}

/**
 * Starts to listen.
 *
 * @throws {StoqError} `port-taken`, `address-unavailable`, `no-binding`, `bad-key`, `bad-credential`, `bad-limit`.
 */
export async function createEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { key, authenticator, host = '::1', port = 0, carrier: open = quicCarrier } = options
  if (key.scheme !== 'ed25519') throw new StoqError('bad-key', `a key for ${key.scheme}`)
  checkCredential(authenticator.credential())
  const limits = { ...defaultLimits, ...options.limits }
  checkLimits(limits)
  const carrier = await open({ key, host, port, limits })
  return new CarrierEndpoint(
    options,
    { host, port: carrier.port, key: key.publicKey },
    carrier,
    limits,
  )
}

// The carrier takes unsigned integers of 32 bits, and nothing works with none of a thing.
function checkLimits(limits: Limits): void {
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isInteger(value) && value > 0 && value < 2 ** 32) continue
    throw new StoqError('bad-limit', `${name} is ${value}`)
  }
}

interface Dial {
  readonly link: PromiseWithResolvers<Link>
  readonly cancel: AbortController
}

class CarrierEndpoint implements Endpoint, House {
  readonly address: Address
  readonly limits: Limits
  readonly speaker: Speaker
  readonly #carrier: Carrier
  readonly #onError: (error: unknown, context: string) => void
  readonly #services = new Map<string, Service>()
  readonly #links = new Map<string, Link>()
  readonly #greetings = new Set<Link>()
  readonly #dials = new Map<string, Dial>()
  readonly #listeners = new Set<(connection: Connection) => void>()
  readonly #counts = { admitted: 0, refused: 0, malformed: 0, failed: 0 }
  #authenticator: PeerAuthenticator
  #closing: Promise<void> | undefined

  constructor(options: EndpointOptions, address: Address, carrier: Carrier, limits: Limits) {
    this.address = address
    this.limits = limits
    this.#carrier = carrier
    this.#authenticator = options.authenticator
    this.#onError = options.onError ?? (() => undefined)
    this.speaker = {
      key: address.key,
      instance: draw(options.random ?? systemRandom, 16),
      authenticator: () => this.#authenticator,
      onFault: (error) => this.#onError(error, 'authenticator'),
    }
    // A handshake that stalls holds up one of these and not the others.
    for (let index = 0; index < limits.greetings; index++) void this.#acceptWires()
  }

  async connect(
    address: Address,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Connection> {
    if (this.#closing) throw new StoqError('closed', 'the endpoint is closed')
    const { key } = address
    if (key.length !== 32) throw new StoqError('bad-key', `a key of ${key.length} bytes`)
    if (equal(key, this.address.key))
      throw new StoqError('bad-address', 'the key is this node’s own')
    const id = toHex(key)
    const live = this.#links.get(id)
    if (live) return live
    const dial = this.#dials.get(id) ?? this.#dial(id, address)
    return withSignal(dial.link.promise, options.signal)
  }

  connection(key: Uint8Array): Connection | undefined {
    return this.#links.get(toHex(key))
  }

  handle(protocol: string, handler: StreamHandler): void {
    this.#register(protocol, streamService(handler))
  }

  handleRequest(
    protocol: string,
    handler: RequestHandler,
    options: { readonly requestMax?: number } = {},
  ): void {
    this.#register(protocol, requestService(handler, options))
  }

  async setAuthenticator(
    authenticator: PeerAuthenticator,
  ): Promise<{ readonly kept: number; readonly dropped: number }> {
    checkCredential(authenticator.credential())
    this.#authenticator = authenticator
    const links = [...this.#links.values()]
    const passed = await Promise.all(links.map((link) => link.reintroduce()))
    const kept = passed.filter(Boolean).length
    return { kept, dropped: passed.length - kept }
  }

  peers(): readonly Peer[] {
    return Array.from(this.#links.values(), (link) => link.peer)
  }

  onPeer(listener: (connection: Connection) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  counts(): Counts {
    return { ...this.#counts }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  service(protocol: string): Service | undefined {
    return this.#services.get(protocol)
  }

  /**
   * Two nodes that dial each other must keep the same one of their two connections: the one that the smaller key
   * dialled. The smaller key holds the other's hello until its own dial has ended, one way or the other.
   */
  async screen(link: Link, instance: Uint8Array): Promise<Refusal | undefined> {
    const id = toHex(link.key)
    const hold = this.limits.handshakeMs / 2
    const dial = this.#dials.get(id)
    if (dial && !this.#isPreferred(link)) await settledWithin(dial.link.promise, hold)
    const rival = this.#links.get(id)
    if (rival && this.#yields(link, instance, rival)) await settledWithin(rival.closed, hold)
    return this.#refusal(link, instance)
  }

  adopt(link: Link, admitted: Admitted): Refusal | undefined {
    const refusal = this.#refusal(link, admitted.instance)
    if (refusal) return refusal
    const id = toHex(link.key)
    const rival = this.#links.get(id)
    this.#links.set(id, link)
    void rival?.close('replaced')
    this.#counts.admitted++
    const dial = this.#dials.get(id)
    this.#dials.delete(id)
    dial?.link.resolve(link)
    // Ends this node's own dial, unless it is the one that led here.
    if (link.role === 'acceptor') dial?.cancel.abort()
    for (const listener of this.#listeners) queueMicrotask(() => this.#tell(listener, link))
    return undefined
  }

  release(link: Link): void {
    const id = toHex(link.key)
    if (this.#links.get(id) === link) this.#links.delete(id)
  }

  onTurnedAway({ ours, refusal }: TurnedAway): void {
    if (!ours) return
    if (refusal.code === 'malformed') this.#counts.malformed++
    else this.#counts.refused++
  }

  onMalformed(): void {
    this.#counts.malformed++
  }

  onHandlerError(error: unknown, protocol: string): void {
    this.#counts.failed++
    this.#onError(error, protocol)
  }

  #tell(listener: (connection: Connection) => void, link: Link): void {
    try {
      listener(link)
    } catch (error) {
      this.#onError(error, 'onPeer')
    }
  }

  #register(protocol: string, service: Service): void {
    encodeProtocol(protocol)
    if (this.#services.has(protocol)) throw new StoqError('protocol-taken', `${protocol} is served`)
    this.#services.set(protocol, service)
  }

  async #acceptWires(): Promise<void> {
    for (;;) {
      const wire = await this.#carrier.accept()
      if (!wire) return
      await this.#greet('acceptor', wire).catch(() => undefined)
    }
  }

  async #greet(role: 'dialer' | 'acceptor', wire: Wire): Promise<Link> {
    if (this.#closing) wire.abort()
    const link = new Link(role, wire, this)
    this.#greetings.add(link)
    try {
      const greeting = await link.greet()
      if (greeting.ok) return link
      const { ours, refusal } = greeting
      const whom = ours ? 'this node refused the peer' : 'the peer refused this node'
      throw new StoqError('refused', `${whom}: ${refusal.code}, ${refusal.reason}`, { refusal })
    } finally {
      this.#greetings.delete(link)
    }
  }

  #dial(id: string, address: Address): Dial {
    const dial: Dial = { link: Promise.withResolvers<Link>(), cancel: new AbortController() }
    this.#dials.set(id, dial)
    dial.link.promise.catch(() => undefined)
    this.#reach(address, dial).then(dial.link.resolve, async (error: unknown) => {
      // Refused in favour of the peer's own dial, which is about to arrive.
      if (isDuplicate(error)) await settledWithin(dial.link.promise, this.limits.handshakeMs)
      if (this.#dials.get(id) === dial) this.#dials.delete(id)
      dial.link.reject(error)
    })
    return dial
  }

  async #reach({ host, port, key }: Address, dial: Dial): Promise<Link> {
    const { signal } = dial.cancel
    const at = `[${host}]:${port}`
    const expire = (): StoqError => {
      dial.cancel.abort()
      return new StoqError('unreachable', `nobody answers at ${at}`)
    }
    const dialled = this.#carrier.dial(host, port, signal)
    const wire = await withDeadline(dialled, this.limits.handshakeMs, expire)
    if (signal.aborted) wire.abort()
    if (!equal(wire.remoteKey, key)) {
      wire.abort()
      throw new StoqError('wrong-key', `${at} proves the key ${toHex(wire.remoteKey)}`)
    }
    const abort = (): void => wire.abort()
    signal.addEventListener('abort', abort)
    try {
      return await this.#greet('dialer', wire)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  #refusal(link: Link, instance: Uint8Array): Refusal | undefined {
    const rival = this.#links.get(toHex(link.key))
    if (rival && this.#yields(link, instance, rival)) {
      return { code: 'duplicate', reason: 'there is a connection to this node' }
    }
    if (!rival && this.#links.size >= this.limits.connections) {
      return { code: 'busy', reason: `this node has ${this.limits.connections} connections` }
    }
    return undefined
  }

  // A link of the same start of the peer: the preferred one stays. After a restart the old one is dead, so it goes.
  #yields(link: Link, instance: Uint8Array, rival: Link): boolean {
    return equal(rival.instance, instance) && this.#isPreferred(rival) && !this.#isPreferred(link)
  }

  #isPreferred(link: Link): boolean {
    const isSmaller = toHex(this.address.key) < toHex(link.key)
    return isSmaller === (link.role === 'dialer')
  }

  async #close(): Promise<void> {
    for (const dial of this.#dials.values()) {
      dial.cancel.abort()
      dial.link.reject(new StoqError('closed', 'the endpoint is closed'))
    }
    const links = [...this.#links.values(), ...this.#greetings]
    await Promise.all(links.map((link) => link.close('closing')))
    await this.#carrier.close()
  }
}

function isDuplicate(error: unknown): boolean {
  return error instanceof StoqError && error.refusal?.code === 'duplicate'
}
