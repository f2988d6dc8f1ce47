import { beacon, draw, drawAuditors, faultsOf } from '@hypermesh/consensus'
import { sha256, signingKeyFromSeed, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { header, KEYS, text, VALIDATORS } from './proofs.mesh.ts'

const SEED = sha256(text('a seed'))

describe('a draw', () => {
  test('gives different numbers below the limit, and the first ones of a longer draw', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 40 }),
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.nat({ max: 50 }),
        (seed, of, wanted) => {
          const count = Math.min(of, wanted)
          const drawn = draw(seed, 'test', count, of)
          expect(new Set(drawn).size).toBe(count)
          expect(drawn.every((one) => Number.isSafeInteger(one) && one >= 0 && one < of)).toBe(true)
          expect(draw(seed, 'test', Math.floor(count / 2), of)).toEqual(
            drawn.slice(0, Math.floor(count / 2)),
          )
        },
      ),
    )
  })

  test('of all there is gives each once', () => {
    expect(draw(SEED, 'all', 100, 100).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 100 }, (_, index) => index),
    )
  })

  test('prefers no number, in no place', () => {
    const counts = [0, 1, 2].map(() => Array.from({ length: 7 }, () => 0))
    const rounds = 7000
    for (let round = 0; round < rounds; round += 1) {
      const drawn = draw(sha256(text(`${round}`)), 'fair', 3, 7)
      for (const [place, one] of drawn.entries()) counts[place]![one]! += 1
    }
    for (const place of counts) {
      // Chi-squared with 6 degrees of freedom: above 27.9 one time in ten thousand.
      const distance = place.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
      expect(distance).toBeLessThan(27.9)
    }
  })

  test('depends on the seed and on what it is for', () => {
    const drawn = draw(SEED, 'one', 8, 2 ** 30)
    expect(draw(SEED, 'one', 8, 2 ** 30)).toEqual(drawn)
    expect(draw(SEED, 'two', 8, 2 ** 30)).not.toEqual(drawn)
    expect(draw(sha256(SEED), 'one', 8, 2 ** 30)).not.toEqual(drawn)
  })

  test('is what it always was', () => {
    expect(draw(SEED, 'golden', 6, 1000)).toEqual(GOLDEN.draw)
  })

  test.each([
    { count: 3, of: 2 },
    { count: -1, of: 2 },
    { count: 0.5, of: 2 },
    { count: 4097, of: 5000 },
    { count: 1, of: Number.MAX_SAFE_INTEGER + 1 },
    { count: 0, of: Number.NaN },
  ])('of $count below $of throws', ({ count, of }) => {
    expect(() => draw(SEED, 'test', count, of)).toThrow(
      expect.objectContaining({ code: 'out-of-range' }),
    )
  })
})

describe('a beacon', () => {
  const { publicKey } = KEYS[0]!

  test('is another for every header and every owner', () => {
    const beacons = [
      beacon(header({ height: 1n }), publicKey),
      beacon(header({ height: 2n }), publicKey),
      beacon(header({ height: 1n, timestamp: 5n }), publicKey),
      beacon(header({ height: 1n }), KEYS[1]!.publicKey),
    ]
    expect(new Set(beacons.map(toHex)).size).toBe(4)
  })

  test('is what it always was', () => {
    expect(toHex(beacon(header({ height: 1n }), publicKey))).toBe(GOLDEN.beacon)
  })
})

describe('auditors', () => {
  test.each([
    { validators: 1, auditors: 0 },
    { validators: 2, auditors: 1 },
    { validators: 4, auditors: 2 },
    { validators: 7, auditors: 3 },
    { validators: 100, auditors: 34 },
  ])('of $validators validators, $auditors are drawn', ({ validators, auditors }) => {
    const all = Array.from({ length: validators }, (_, index) => ({
      key: sha256(text(`${index}`)),
      stake: 1n,
    }))
    const drawn = drawAuditors(header({ height: 9n }), all[0]!.key, all)
    expect(drawn.length).toBe(auditors)
    expect(new Set(drawn).size).toBe(auditors)
    expect(drawn).not.toContain(0)
    // One may be silent for each fault there may be, and one is left.
    if (validators >= 4) expect(auditors).toBe(faultsOf(validators) + 1)
  })

  test('are never the owner, and over time everyone else', () => {
    const owner = VALIDATORS[2]!.key
    const seen = new Set<number>()
    for (let height = 1n; height < 60n; height += 1n) {
      for (const one of drawAuditors(header({ height }), owner, VALIDATORS)) seen.add(one)
    }
    expect([...seen].sort((a, b) => a - b)).toEqual([0, 1, 3])
  })

  test('of an owner that is no validator are drawn among all', () => {
    const stranger = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(9)).publicKey
    expect(drawAuditors(header({ height: 9n }), stranger, VALIDATORS).length).toBe(2)
  })
})

const GOLDEN = {
  draw: [132, 436, 333, 918, 612, 546],
  beacon: 'edcfa09c2792138551e9316fd10c7c78605af6593b5b4a9e8495a2e4bc054ab2',
}
