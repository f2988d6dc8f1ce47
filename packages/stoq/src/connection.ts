import type { CloseReason } from './control.ts'
import type { Peer } from './service.ts'
import type { Stream } from './stream.ts'

/** A connection to one peer that both sides let in. */
export interface Connection extends AsyncDisposable {
  readonly peer: Peer
  /**
   * Opens a stream and waits, one round trip, for the peer to take it.
   *
   * @throws {StoqError} `unknown-protocol` when the peer does not serve it, `timeout`, `closed`, `reset`, `aborted`.
   */
  open(protocol: string, options?: { readonly signal?: AbortSignal }): Promise<Stream>
  /**
   * Sends one body and returns the response to it: one round trip.
   *
   * @throws {StoqError} `unknown-protocol`; `failed` when the peer's handler threw; `too-long` when the peer does not
   * take the body or the response is over `responseMax` bytes (16 MiB unless given); `closed`, `reset`, `aborted`.
   */
  request(
    protocol: string,
    body: Uint8Array,
    options?: { readonly signal?: AbortSignal; readonly responseMax?: number },
  ): Promise<Uint8Array>
  /** Resolves when the connection is gone. Dispose of it to close it. */
  readonly closed: Promise<void>
  /** Why it is gone; undefined while it lives. */
  readonly closeReason: CloseReason | undefined
}
