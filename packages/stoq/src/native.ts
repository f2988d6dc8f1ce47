import { StoqError } from './errors.ts'

/** The compiled half of `@chainsafe/libp2p-quic` 2.1.1, which its own declarations leave untyped. */
export interface Binding {
  readonly QuinnConfig: new (options: QuinnOptions) => QuinnConfig
  readonly Server: new (config: QuinnConfig, host: string, port: number) => NativeServer
  readonly Client: new (config: QuinnConfig, family: 0 | 1) => NativeClient
}

/** All numbers are unsigned, 32 bits; times in milliseconds, sizes in bytes. */
interface QuinnOptions {
  /** A libp2p PrivateKey message. */
  readonly privateKeyProto: Uint8Array
  /** Must be given; the binding does not read it. */
  readonly handshakeTimeout: number
  readonly maxIdleTimeout: number
  readonly keepAliveInterval: number
  /** Streams the peer may have open at once. */
  readonly maxConcurrentStreamLimit: number
  readonly maxStreamData: number
  readonly maxConnectionData: number
  /** Client sockets only; a server's keep the kernel's default. */
  readonly receiveBufferSize: number
  readonly sendBufferSize: number
}

export interface QuinnConfig {
  readonly __quinnConfig: never
}

export interface NativeServer {
  port(): number
  /** Accepts and runs one handshake to its end, so a stalled peer holds up this call but not another. */
  inboundConnection(): Promise<NativeConnection>
  abort(): Promise<void>
}

export interface NativeClient {
  outboundConnection(host: string, port: number): Promise<NativeConnection>
  /** Ends the client's connections and dials. */
  abort(): void
}

export interface NativeConnection {
  inboundStream(): Promise<NativeStream>
  outboundStream(): Promise<NativeStream>
  remoteMultiaddr(): string
  closed(): Promise<void>
  abort(): void
}

/** Unawaited reads or writes overtake one another: one of each at a time. */
export interface NativeStream {
  id(): number
  read(sizeMax: number): Promise<Uint8Array | null>
  write(bytes: Uint8Array): Promise<void>
  finishWrite(): Promise<void>
  /** Waits for the write under way. */
  resetWrite(): Promise<void>
  /** Waits for the read under way. */
  stopRead(): Promise<void>
}

/**
 * Loads the compiled binding.
 *
 * The package exports only its libp2p wrapper, which reads 4 KiB at a time and reads on while nobody listens; the file
 * beneath it is named by path, which holds in Node and not in bundles.
 *
 * @throws {StoqError} `no-binding` when there is none for this system.
 */
export async function loadBinding(): Promise<Binding> {
  try {
    const file = new URL('napi.js', import.meta.resolve('@chainsafe/libp2p-quic'))
    const module: unknown = await import(/* @vite-ignore */ file.href)
    if (isBinding(module)) return module
  } catch (cause) {
    const system = `${process.platform} ${process.arch}`
    throw new StoqError('no-binding', `libp2p-quic does not load on ${system}`, { cause })
  }
  throw new StoqError('no-binding', 'this version of libp2p-quic is unknown')
}

function isBinding(module: unknown): module is Binding {
  if (typeof module !== 'object' || module === null) return false
  const names = ['QuinnConfig', 'Server', 'Client']
  return names.every((name) => typeof Reflect.get(module, name) === 'function')
}
