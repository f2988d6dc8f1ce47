import { toHex } from '@hypermesh/crypto'
import type { Connection, Endpoint, Stream } from '@hypermesh/stoq'

import type { Directory } from './directory.ts'
import { BootstrapError } from './errors.ts'

/** Speaks with other nodes by their keys. */
export interface Peers {
  open(key: Uint8Array, protocol: string, signal?: AbortSignal): Promise<Stream>
  request(
    key: Uint8Array,
    protocol: string,
    body: Uint8Array,
    options?: { readonly signal?: AbortSignal; readonly responseMax?: number },
  ): Promise<Uint8Array>
}

/** @param directory - Says where a key is reached; asked anew at each connection, so that nodes can move. */
export function createPeers(endpoint: Endpoint, directory: Directory): Peers {
  const connect = async (key: Uint8Array, signal?: AbortSignal): Promise<Connection> => {
    const entry = directory.byKey(key)
    if (!entry)
      throw new BootstrapError('unknown-node', `no node is known by the key ${toHex(key)}`)
    const address = { host: entry.host, port: entry.port, key }
    return await endpoint.connect(address, signal ? { signal } : {})
  }
  return {
    open: async (key, protocol, signal) =>
      await (await connect(key, signal)).open(protocol, signal ? { signal } : {}),
    request: async (key, protocol, body, options = {}) =>
      await (await connect(key, options.signal)).request(protocol, body, options),
  }
}
