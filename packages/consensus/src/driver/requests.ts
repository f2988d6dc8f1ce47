import { toHex } from '@hypermesh/crypto'

import { encodeMessage } from './message.ts'
import type { Turns } from './turns.ts'

/** Most blocks asked for at a time. */
const WANTED_MAX = 64

/** How many peers are asked for a block before it is given up: then nothing needs it any more, or all lie. */
const ATTEMPTS_MAX = 64

/** Asks the others, one after the other, for what is missing here. */
export class Requests {
  readonly #turns: Turns
  readonly #peers: readonly number[]
  readonly #wanted = new Map<string, { readonly hash: Uint8Array; attempts: number }>()
  #next = 0

  constructor(turns: Turns, validators: number, self: number | undefined) {
    this.#turns = turns
    this.#peers = Array.from({ length: validators }, (_, index) => index).filter(
      (one) => one !== self,
    )
    this.#next = self ?? 0
  }

  wantBlock(hash: Uint8Array): void {
    const name = toHex(hash)
    if (this.#wanted.has(name) || this.#wanted.size === WANTED_MAX) return
    this.#wanted.set(name, { hash, attempts: 1 })
    this.#ask(encodeMessage({ type: 'wantBlock', hash }))
  }

  isWanted(hash: Uint8Array): boolean {
    return this.#wanted.has(toHex(hash))
  }

  got(hash: Uint8Array): void {
    this.#wanted.delete(toHex(hash))
  }

  wantFinal(height: bigint): void {
    this.#ask(encodeMessage({ type: 'wantFinal', height }))
  }

  wantCertified(first: bigint, last: bigint): void {
    this.#ask(encodeMessage({ type: 'wantCertified', first, last }))
  }

  /** Asks someone else for what has not come. */
  repeat(): void {
    for (const [name, wanted] of this.#wanted) {
      wanted.attempts++
      if (wanted.attempts > ATTEMPTS_MAX) this.#wanted.delete(name)
      else this.#ask(encodeMessage({ type: 'wantBlock', hash: wanted.hash }))
    }
  }

  #ask(message: Uint8Array): void {
    const peer = this.#peers[this.#next++ % this.#peers.length]
    if (peer !== undefined) this.#turns.send(peer, message)
  }
}
