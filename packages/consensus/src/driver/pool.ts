import { sha256, toHex } from '@hypermesh/crypto'

/** Most operations that wait. */
const OPERATIONS_MAX = 8192

/** Most bytes of operations that wait. */
const BYTES_MAX = 64 * 1024 * 1024

/** The part of the pool that operations from one peer may fill, so that none crowds out the rest. */
const PEER_SHARE = 4

/** An operation that waits for a block. */
export interface Waiting {
  readonly name: string
  readonly operation: Uint8Array
  /** Undefined for this node's own. */
  readonly from: number | undefined
  /** The height at which it was last known to be welcome. */
  checkedAt: bigint
  /** When it was last said to the others, in milliseconds since 1970. */
  saidAt: bigint
}

/** What names an operation: SHA-256 of its bytes, in hexadecimal. */
export function operationName(operation: Uint8Array): string {
  return toHex(sha256(operation))
}

/** Operations that wait for a block, oldest first. */
export class Pool {
  readonly #waiting = new Map<string, Waiting>()
  readonly #filled = new Map<number | undefined, { count: number; bytes: number }>()
  #bytes = 0

  get size(): number {
    return this.#waiting.size
  }

  has(name: string): boolean {
    return this.#waiting.has(name)
  }

  /** Is there room for an operation of so many bytes from this peer? */
  hasRoom(size: number, from: number | undefined): boolean {
    if (this.#waiting.size >= OPERATIONS_MAX || this.#bytes + size > BYTES_MAX) return false
    const filled = this.#filled.get(from)
    if (from === undefined || filled === undefined) return true
    return (
      filled.count < OPERATIONS_MAX / PEER_SHARE && filled.bytes + size <= BYTES_MAX / PEER_SHARE
    )
  }

  add(waiting: Waiting): void {
    this.#waiting.set(waiting.name, waiting)
    this.#fill(waiting, 1)
  }

  remove(name: string): void {
    const waiting = this.#waiting.get(name)
    if (waiting === undefined) return
    this.#waiting.delete(name)
    this.#fill(waiting, -1)
  }

  values(): Iterable<Waiting> {
    return this.#waiting.values()
  }

  #fill({ from, operation }: Waiting, sign: 1 | -1): void {
    const filled = this.#filled.get(from) ?? { count: 0, bytes: 0 }
    filled.count += sign
    filled.bytes += sign * operation.length
    this.#bytes += sign * operation.length
    this.#filled.set(from, filled)
  }
}
