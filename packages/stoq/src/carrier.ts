import type { SigningKey } from '@hypermesh/crypto'

import type { Limits } from './limits.ts'

/** Starts a carrier at an address, for one key. Throws `StoqError`: `port-taken`, `address-unavailable`, `no-binding`. */
export type OpenCarrier = (options: {
  /** Ed25519. The carrier proves it to whoever is at the other end. */
  readonly key: SigningKey
  readonly host: string
  readonly port: number
  readonly limits: Limits
}) => Promise<Carrier>

/** What moves the bytes: an encrypted transport that proves the Ed25519 key at both ends, and nothing more. */
export interface Carrier {
  /** The port it listens on. */
  readonly port: number
  /** The next inbound wire; undefined once closed. May be called many times at once. */
  accept(): Promise<Wire | undefined>
  /** A wire to whoever listens there, whatever its key. Rejects when `signal` fires, and leaves nothing behind. */
  dial(host: string, port: number, signal: AbortSignal): Promise<Wire>
  close(): Promise<void>
}

/** One connection between two keys. */
export interface Wire {
  /** The Ed25519 key that the other end proved, 32 bytes. */
  readonly remoteKey: Uint8Array
  /** A new lane; waits while the peer allows no more. The peer sees it with the first write. */
  open(): Promise<Lane>
  accept(): Promise<Lane>
  /** Resolves when the wire is gone, for whatever reason. */
  readonly closed: Promise<void>
  /** Drops the wire and everything under way on it. */
  abort(): void
}

/**
 * Both directions of one ordered stream of bytes. One read and one write may be under way at a time. `reset` may wait
 * for the write under way and `stop` for the read: the peer can hold them up. A failed operation throws `StoqError`
 * `reset` when the peer gave up this direction, `closed` when the wire is gone.
 */
export interface Lane {
  /** Counts the lanes that one side opened, from 0. */
  readonly id: number
  /** Up to `sizeMax` bytes; null at the end. */
  read(sizeMax: number): Promise<Uint8Array | null>
  /** Resolves when the carrier has taken all of it, which the peer's window holds back. */
  write(bytes: Uint8Array): Promise<void>
  /** Ends the outbound direction. */
  finish(): Promise<void>
  /** Gives up the outbound direction. */
  reset(): Promise<void>
  /** Gives up the inbound direction. */
  stop(): Promise<void>
}
