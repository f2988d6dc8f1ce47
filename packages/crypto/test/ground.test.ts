import { systemRandom, concat, draw, equal, fromHex, sha256, sha3, toHex } from '@hypermesh/crypto'
import { randomTests, seededRandomForTests } from '@hypermesh/crypto/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const utf8 = new TextEncoder()

randomTests(test, 'the system', () => systemRandom)
randomTests(test, 'a seed', () => seededRandomForTests('ground'))

test('the same seed draws the same bytes, however they are asked for', () => {
  const whole = draw(seededRandomForTests('a'), 100)
  const random = seededRandomForTests('a')
  expect(concat(draw(random, 33), draw(random, 67))).toEqual(whole)
  expect(equal(draw(seededRandomForTests('b'), 100), whole)).toBe(false)
})

test('hexadecimal goes there and back', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(bytes)
    }),
  )
})

test.each(['0', 'AB', 'zz', '0x', ' 00', '0g', '٠٠'])('%j is not hexadecimal', (text) => {
  expect(() => fromHex(text)).toThrow(expect.objectContaining({ code: 'not-hex' }))
})

test('a text that is no hexadecimal is not repeated in the error: it may be a secret', () => {
  expect(() => fromHex('secretsecret')).not.toThrow(/secretsecret/)
})

test('bytes are equal when all of them are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), fc.nat(), (bytes, place) => {
      const other = bytes.slice()
      expect(equal(bytes, other)).toBe(true)
      other[place % other.length]! ^= 1
      expect(equal(bytes, other)).toBe(false)
      expect(equal(bytes, bytes.subarray(1))).toBe(false)
    }),
  )
  expect(equal(new Uint8Array(), new Uint8Array())).toBe(true)
})

// FIPS 180-4 and FIPS 202 examples: the empty message and "abc".
test.each([
  ['sha256', sha256, '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['sha256', sha256, 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['sha3', sha3, '', 'a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a'],
  ['sha3', sha3, 'abc', '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532'],
])('%s of %j is as the standard says', (_, hash, text, digest) => {
  expect(toHex(hash(utf8.encode(text)))).toBe(digest)
  expect(toHex(hash(...text.split('').map((letter) => utf8.encode(letter))))).toBe(digest)
})

test('what comes back is a plain Uint8Array, whose slices are copies', () => {
  for (const bytes of [sha256(), sha256(new Uint8Array(1)), sha3()]) {
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
  }
})
