import { isIP } from 'node:net'

import type { Carrier, Lane, OpenCarrier, Wire } from './carrier.ts'
import { settledWithin } from './deadline.ts'
import { StoqError } from './errors.ts'
import type { Limits } from './limits.ts'
import { loadBinding } from './native.ts'
import type {
  Binding,
  NativeClient,
  NativeConnection,
  NativeServer,
  NativeStream,
  QuinnConfig,
} from './native.ts'
import { keyOfMultiaddr, privateKeyMessage } from './peerid.ts'

/** Bytes of the sockets' buffers: the kernel's default of 208 KiB drops packets whenever a reader is late. */
const SOCKET_BUFFER_SIZE = 4_194_304

/** Signs of life within one idle time: one lost packet must not end a connection. */
const KEEPALIVES_PER_IDLE = 4

/**
 * The binding waits until every connection has drained, three probe timeouts: usually 80 ms, but seconds after a
 * handshake that was broken off. RFC 9000 section 10.2. The port is free when it is done.
 */
const DRAIN_MS = 500

/**
 * QUIC (RFC 9000) with TLS 1.3 and the libp2p certificate, which carries the Ed25519 key. The key agreement of this
 * binding is X25519: it is not post-quantum.
 */
export const quicCarrier: OpenCarrier = async ({ key, host, port, limits }) => {
  const binding = await loadBinding()
  const config = new binding.QuinnConfig({
    privateKeyProto: privateKeyMessage(key.seed(), key.publicKey),
    ...timing(limits),
    maxConcurrentStreamLimit: limits.streams,
    maxStreamData: limits.streamWindow,
    maxConnectionData: limits.connectionWindow,
    receiveBufferSize: SOCKET_BUFFER_SIZE,
    sendBufferSize: SOCKET_BUFFER_SIZE,
  })
  return new QuicCarrier(binding, config, listen(binding, config, host, port))
}

function timing(limits: Limits) {
  return {
    handshakeTimeout: limits.handshakeMs,
    maxIdleTimeout: limits.idleMs,
    keepAliveInterval: Math.floor(limits.idleMs / KEEPALIVES_PER_IDLE),
  }
}

function listen(binding: Binding, config: QuinnConfig, host: string, port: number): NativeServer {
  try {
    return new binding.Server(config, host, port)
  } catch (cause) {
    const at = `[${host}]:${port}`
    if (/in use/i.test(String(cause))) {
      throw new StoqError('port-taken', `${at} is taken; choose another port, or 0`, { cause })
    }
    throw new StoqError('address-unavailable', `cannot listen at ${at}: ${text(cause)}`, { cause })
  }
}

class QuicCarrier implements Carrier {
  readonly port: number
  readonly #binding: Binding
  readonly #config: QuinnConfig
  readonly #server: NativeServer
  readonly #clients = new Set<NativeClient>()
  #isClosed = false

  constructor(binding: Binding, config: QuinnConfig, server: NativeServer) {
    this.#binding = binding
    this.#config = config
    this.#server = server
    this.port = server.port()
  }

  async accept(): Promise<Wire | undefined> {
    while (!this.#isClosed) {
      const connection = await this.#server.inboundConnection().catch((): undefined => undefined)
      const wire = connection && wireOf(connection, () => connection.abort())
      if (wire) return wire
    }
    return undefined
  }

  // A client of its own for each dial: a dial ends only with its client, and two sockets carry more than one.
  async dial(host: string, port: number, signal: AbortSignal): Promise<Wire> {
    const family = isIP(host)
    if (family === 0) throw new StoqError('bad-address', `${host} is not an IP address`)
    if (this.#isClosed) throw new StoqError('closed', 'the endpoint is closed')
    const client = new this.#binding.Client(this.#config, family === 4 ? 0 : 1)
    const abort = (): void => {
      this.#clients.delete(client)
      client.abort()
    }
    this.#clients.add(client)
    signal.addEventListener('abort', abort, { once: true })
    try {
      const connection = await client.outboundConnection(host, port)
      signal.throwIfAborted()
      const wire = wireOf(connection, abort)
      if (!wire) throw new StoqError('wrong-key', `[${host}]:${port} has no Ed25519 key`)
      void wire.closed.then(abort)
      return wire
    } catch (cause) {
      abort()
      if (cause instanceof StoqError) throw cause
      throw new StoqError('unreachable', `[${host}]:${port}: ${text(cause)}`, { cause })
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const client of this.#clients) client.abort()
    this.#clients.clear()
    await settledWithin(this.#server.abort(), DRAIN_MS)
  }
}

function wireOf(connection: NativeConnection, abort: () => void): Wire | undefined {
  const remoteKey = keyOfMultiaddr(connection.remoteMultiaddr())
  if (!remoteKey) {
    abort()
    return undefined
  }
  return {
    remoteKey,
    open: async () => new QuicLane(await told(connection.outboundStream())),
    accept: async () => new QuicLane(await told(connection.inboundStream())),
    closed: connection.closed().catch(() => undefined),
    abort,
  }
}

class QuicLane implements Lane {
  readonly id: number
  readonly #stream: NativeStream

  constructor(stream: NativeStream) {
    this.id = stream.id()
    this.#stream = stream
  }

  read(sizeMax: number): Promise<Uint8Array | null> {
    return told(this.#stream.read(sizeMax))
  }

  write(bytes: Uint8Array): Promise<void> {
    return told(this.#stream.write(bytes))
  }

  finish(): Promise<void> {
    return told(this.#stream.finishWrite())
  }

  reset(): Promise<void> {
    return told(this.#stream.resetWrite())
  }

  stop(): Promise<void> {
    return told(this.#stream.stopRead())
  }
}

// The binding's errors are text without a kind; this is the one place that reads it.
async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    const message = text(cause)
    const code = /reset by peer|stopped by peer|closed stream/.test(message) ? 'reset' : 'closed'
    throw new StoqError(code, message, { cause })
  }
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
