import { equal, toHex } from '@hypermesh/crypto'
import type { Connection, Endpoint, RequestHandler, Stream, StreamHandler } from '@hypermesh/stoq'

import type { Directory } from './directory.ts'
import { BootstrapError } from './errors.ts'
import { loopback } from './loopback.ts'

/** Speaks with nodes by their keys; with this one too, without a network. */
export interface Peers {
  open(key: Uint8Array, protocol: string, signal?: AbortSignal): Promise<Stream>
  request(
    key: Uint8Array,
    protocol: string,
    body: Uint8Array,
    options?: { readonly signal?: AbortSignal; readonly responseMax?: number },
  ): Promise<Uint8Array>
  /** Serves streams of a protocol, from now on with this handler. */
  serve(protocol: string, handler: StreamHandler): void
  /** Answers requests of a protocol, from now on with this handler. `requestMax` is the first one's. */
  answer(protocol: string, handler: RequestHandler, options: { readonly requestMax: number }): void
}

/** @param directory - Says where a key is reached; asked anew at each connection, so that nodes can move. */
export function createPeers(endpoint: Endpoint, directory: Directory): Peers {
  const { key: own } = endpoint.address
  const self = { key: own, name: 'self' }
  const streams = new Map<string, StreamHandler>()
  const requests = new Map<string, RequestHandler>()
  const connect = async (key: Uint8Array, signal?: AbortSignal): Promise<Connection> => {
    const entry = directory.byKey(key)
    if (!entry)
      throw new BootstrapError('unknown-node', `no node is known by the key ${toHex(key)}`)
    const address = { host: entry.host, port: entry.port, key }
    return await endpoint.connect(address, signal ? { signal } : {})
  }
  const openOwn = (protocol: string): Stream => {
    const handler = streams.get(protocol)
    if (!handler) throw new BootstrapError('not-served', `this node does not serve ${protocol}`)
    const [near, far] = loopback(protocol)
    // A handler that fails resets its stream, as it would over the network.
    Promise.resolve(handler(far, self)).catch(() => far.reset())
    return near
  }
  return {
    open: async (key, protocol, signal) =>
      equal(key, own)
        ? openOwn(protocol)
        : await (await connect(key, signal)).open(protocol, signal ? { signal } : {}),
    request: async (key, protocol, body, options = {}) => {
      if (!equal(key, own)) {
        return await (await connect(key, options.signal)).request(protocol, body, options)
      }
      const handler = requests.get(protocol)
      if (!handler) throw new BootstrapError('not-served', `this node does not serve ${protocol}`)
      return await handler(body, self, { signal: options.signal ?? new AbortController().signal })
    },
    serve: (protocol, handler) => {
      const isNew = !streams.has(protocol)
      streams.set(protocol, handler)
      if (isNew) endpoint.handle(protocol, (stream, peer) => streams.get(protocol)?.(stream, peer))
    },
    answer: (protocol, handler, options) => {
      const isNew = !requests.has(protocol)
      requests.set(protocol, handler)
      const latest: RequestHandler = (body, peer, context) =>
        (requests.get(protocol) ?? handler)(body, peer, context)
      if (isNew) endpoint.handleRequest(protocol, latest, options)
    },
  }
}
