import type { MeshAddress } from './address.ts'

/**
 * Bytes in both directions, in order. A stoq stream is one. Whoever makes another runs `byteStreamTests`.
 *
 * Bytes handed to `write` must not change until it resolves; bytes that `read` gave belong to the reader.
 */
export interface ByteStream {
  /** The next bytes, as many as there are; `null` when the peer has ended its side. Rejects after a reset. */
  read(): Promise<Uint8Array | null>
  /** Resolves when the stream can take more: the writer's back-pressure. Rejects after a reset. */
  write(bytes: Uint8Array): Promise<void>
  /** No more will be written; reading goes on. */
  end(): Promise<void>
  /** Ends both sides at once. Safe to repeat. */
  reset(): void
}

/** The port: the way to other nodes. */
export interface Links {
  /**
   * A stream of the memory protocol to a node. The link authenticates the node: it is the one whose keys lead to that
   * address, or there is no stream.
   *
   * Rejects when the node cannot be reached.
   */
  open(node: MeshAddress, signal?: AbortSignal): Promise<ByteStream>
}
