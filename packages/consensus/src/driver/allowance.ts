/** Most bytes that one peer is answered with at once. */
const BURST_BYTES = 16 * 1024 * 1024

/** Bytes a millisecond that one peer is answered with in the long run: 8 MiB a second. */
const BYTES_PER_MS = 8 * 1024

/** How much a peer may still be answered with: a small question can have a large answer. */
export class Allowance {
  readonly #debts = new Map<number, { bytes: number; at: bigint }>()

  /** May the peer be answered now? */
  isOpen(peer: number, now: bigint): boolean {
    return this.#debt(peer, now).bytes < BURST_BYTES
  }

  /** The peer is answered with so many bytes. */
  charge(peer: number, bytes: number, now: bigint): void {
    this.#debts.set(peer, { bytes: this.#debt(peer, now).bytes + bytes, at: now })
  }

  #debt(peer: number, now: bigint): { bytes: number; at: bigint } {
    const debt = this.#debts.get(peer) ?? { bytes: 0, at: now }
    const paid = Number(now - debt.at) * BYTES_PER_MS
    return { bytes: Math.max(0, debt.bytes - Math.max(0, paid)), at: now }
  }
}
