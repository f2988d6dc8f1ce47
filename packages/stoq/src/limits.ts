/** Most bytes of a credential: room for a chain of four post-quantum certificates. */
export const CREDENTIAL_SIZE_MAX = 65_536

/** Most bytes of a protocol's name. */
export const PROTOCOL_LENGTH_MAX = 64

/** Most bytes of the reason a refused peer is told. */
export const REASON_LENGTH_MAX = 256

/** Bytes asked for by one read: below 128 KiB the calls cost more than the bytes, above 256 KiB nothing is won. */
export const READ_SIZE = 262_144

/** Most bytes handed to the carrier at once: it copies a write whole into its own memory. */
export const WRITE_SIZE_MAX = 1_048_576

/** Most bytes of a request or a response, where the caller names no limit of its own. */
export const BODY_SIZE_MAX = 16_777_216

/** What peers can make an endpoint hold, and how long it waits for them. */
export interface Limits {
  /** Connections open at once. */
  readonly connections: number
  /** Inbound connections that have not said who they are; also how many handshakes run at once. */
  readonly greetings: number
  /** Streams open at once on one connection, counted for each side that opens them. */
  readonly streams: number
  /** Milliseconds for a connection to come up, and again for its hello; and for a stream's first frame. */
  readonly handshakeMs: number
  /** Milliseconds without a sign of life after which a connection is lost. */
  readonly idleMs: number
  /** Bytes a stream takes in that nobody has read. */
  readonly streamWindow: number
  /** Bytes all streams of one connection take in together that nobody has read. */
  readonly connectionWindow: number
}

/**
 * Eight streams that nobody reads fill the window of their connection and hold up its others; a window of 4 MiB
 * carries 1 Gbit/s over 30 ms.
 */
export const defaultLimits: Limits = {
  connections: 256,
  greetings: 32,
  streams: 256,
  handshakeMs: 5_000,
  idleMs: 8_000,
  streamWindow: 4_194_304,
  connectionWindow: 33_554_432,
}
