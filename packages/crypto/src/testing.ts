/**
 * For tests: randomness that repeats, and what every source of it promises.
 *
 * @packageDocumentation
 */
import assert from 'node:assert/strict'

import { equal, toHex } from './bytes.ts'
import { sha256 } from './hash.ts'
import { draw } from './random.ts'
import type { Random } from './random.ts'

/**
 * Random bytes that are the same for the same seed: SHA-256 of the seed and a counter. Anyone who knows the
 * seed knows all of them, so never make a key with it that guards something.
 */
export function seededRandomForTests(seed: string): Random {
  const text = new TextEncoder().encode(seed)
  let block = new Uint8Array()
  let used = 0
  let counter = 0n
  const next = (): void => {
    const place = new Uint8Array(8)
    new DataView(place.buffer).setBigUint64(0, counter++)
    block = new Uint8Array(sha256(place, text))
    used = 0
  }
  return {
    fill: (bytes) => {
      for (let index = 0; index < bytes.length; index++) {
        if (used === block.length) next()
        bytes[index] = block[used++] ?? 0
      }
    },
  }
}

/** How a test runner names and runs a test: vitest's and node:test's `test` both fit. */
export type Test = (name: string, run: () => void) => unknown

/** What every `Random` promises. Whoever writes one runs this. */
export function randomTests(test: Test, name: string, open: () => Random): void {
  test(`${name}: fills every byte, at any length`, () => {
    const random = open()
    for (const length of [0, 1, 31, 32, 33, 1000]) {
      const seen = new Uint8Array(length)
      // A byte that is written stays zero 64 times in a row once in 2^512.
      for (let round = 0; round < 64; round++) {
        for (const [index, byte] of draw(random, length).entries()) seen[index]! |= byte
      }
      assert.ok(seen.every((byte) => byte !== 0))
    }
  })
  test(`${name}: writes inside the view it is given and nowhere else`, () => {
    const around = new Uint8Array(64)
    open().fill(around.subarray(16, 48))
    assert.equal(toHex(around.subarray(0, 16)), '00'.repeat(16))
    assert.equal(toHex(around.subarray(48)), '00'.repeat(16))
    assert.notEqual(toHex(around.subarray(16, 48)), '00'.repeat(32))
  })
  test(`${name}: does not repeat itself`, () => {
    const random = open()
    assert.ok(!equal(draw(random, 32), draw(random, 32)))
  })
  test(`${name}: gives each value of a byte about equally often`, () => {
    const counts = Array.from({ length: 256 }, () => 0)
    for (const byte of draw(open(), 65_536)) counts[byte]! += 1
    // 256 each on average; chi-squared with 255 degrees of freedom is over 400 once in ten million.
    const chi = counts.reduce((sum, count) => sum + (count - 256) ** 2 / 256, 0)
    assert.ok(chi < 400, `chi-squared is ${chi}`)
  })
}
