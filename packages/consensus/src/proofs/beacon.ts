import { sha256 } from '@hypermesh/crypto'

import { ConsensusError } from '../errors.ts'
import { headerHash } from '../header.ts'
import type { Header } from '../header.ts'

const BEACON = tag('hypermesh/beacon/1')
const DRAW = tag('hypermesh/draw/1')

/** Most things drawn at once: a draw costs a hash for every four, and a proof draws a few dozen. */
const DRAW_MAX = 4096

/**
 * Randomness that nobody had before the block with this header was proposed: 32 bytes. Its proposer can make several
 * blocks and send the one it likes, and so choose among as many beacons as it has time to try.
 *
 * @param header - A final one.
 * @param owner - The key that is challenged: each has a beacon of its own.
 */
export function beacon(header: Header, owner: Uint8Array): Uint8Array {
  return sha256(BEACON, headerHash(header), owner)
}

/**
 * `count` different numbers below `of`, each choice as likely as any other: the first steps of a Fisher-Yates
 * shuffle, each with a number made uniform by rejection.
 *
 * @param label - What is drawn, so that two draws from one seed have nothing to do with each other.
 * @throws {ConsensusError} `out-of-range` when there are not `count` numbers below `of`, or more than 4096 are asked.
 */
export function draw(seed: Uint8Array, label: string, count: number, of: number): number[] {
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(of)) throw notDrawable(count, of)
  if (count < 0 || count > of || count > DRAW_MAX) throw notDrawable(count, of)
  const words = stream(sha256(DRAW, tag(label), seed))
  // Only the places that a swap has changed; all others still hold their own number.
  const swapped = new Map<number, number>()
  const drawn: number[] = []
  for (let place = 0; place < count; place += 1) {
    const chosen = place + uniform(words, of - place)
    drawn.push(swapped.get(chosen) ?? chosen)
    swapped.set(chosen, swapped.get(place) ?? place)
  }
  return drawn
}

/** A number below `span`, without the bias a plain remainder has. */
function uniform(words: Iterator<bigint, never>, span: number): number {
  const size = BigInt(span)
  const limit = 2n ** 64n - (2n ** 64n % size)
  for (;;) {
    const word = words.next().value
    if (word < limit) return Number(word % size)
  }
}

function* stream(key: Uint8Array): Generator<bigint, never> {
  const counter = new DataView(new ArrayBuffer(8))
  for (let block = 0n; ; block += 1n) {
    counter.setBigUint64(0, block)
    const view = new DataView(sha256(key, new Uint8Array(counter.buffer)).buffer)
    for (let offset = 0; offset < 32; offset += 8) yield view.getBigUint64(offset)
  }
}

/** 32 bytes that stand for a purpose. */
function tag(purpose: string): Uint8Array {
  return sha256(new TextEncoder().encode(purpose))
}

function notDrawable(count: number, of: number): ConsensusError {
  return new ConsensusError('out-of-range', `cannot draw ${count} different numbers below ${of}`)
}
