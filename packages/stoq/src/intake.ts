/**
 * Bytes that have arrived and were not taken yet, in one piece of memory at most twice their size: a peer that sends
 * them one by one costs no more than one that sends them at once.
 */
export class Intake {
  #memory: Uint8Array = new Uint8Array(0)
  #start = 0
  #end = 0

  get size(): number {
    return this.#end - this.#start
  }

  /** All of them, in place. */
  bytes(): Uint8Array {
    return this.#memory.subarray(this.#start, this.#end)
  }

  /** Keeps `chunk`, and not a copy where there is nothing before it. */
  put(chunk: Uint8Array): void {
    if (this.size === 0) {
      this.#memory = chunk
      this.#start = 0
      this.#end = chunk.length
      return
    }
    if (chunk.length > this.#memory.length - this.#end) this.#grow(chunk.length)
    this.#memory.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /** The first `length` bytes, which must be there. */
  take(length: number): Uint8Array {
    const taken = this.#memory.subarray(this.#start, this.#start + length)
    this.#start += length
    return taken
  }

  // New memory each time: what was taken stays as it was.
  #grow(more: number): void {
    const { size } = this
    const memory = new Uint8Array(2 * size + more)
    memory.set(this.bytes())
    this.#memory = memory
    this.#start = 0
    this.#end = size
  }
}
