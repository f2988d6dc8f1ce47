import { createCipheriv, createDecipheriv } from 'node:crypto'

import {
  PLAIN_SIZE_MAX,
  RECORDS_MAX,
  concat,
  fromHex,
  hkdf,
  opener,
  sealer,
  toHex,
} from '@hypermesh/crypto'
import { seededRandomForTests } from '@hypermesh/crypto/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const key = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
const utf8 = new TextEncoder()
const texts = ['one', '', 'three', 'four'].map((text) => utf8.encode(text))

test('records come out as they went in, in their order', () => {
  const line = sealer(key)
  const far = opener(key)
  for (const text of texts) expect(far.open(line.seal(text))).toEqual(text)
})

test('a record has this form: salt, ciphertext, tag; the next ones no salt', () => {
  const line = sealer(key, { context: 'up', random: seededRandomForTests('seal') })
  const first = line.seal(utf8.encode('one'), utf8.encode('with'))
  const second = line.seal(utf8.encode('two'))
  expect(toHex(first)).toBe(
    '68fe5170d478852c8cc773c9ff84e630c14b75a47b5eecf5f5351d9ffd71cb2fb9042e597a2781e78bbd30f2f112b001137f67',
  )
  expect(toHex(second)).toBe('9bafe872c18dc0ad9dfe1f2c0a343d51593ece')
  const far = opener(key, { context: 'up' })
  expect(far.open(first, utf8.encode('with'))).toEqual(utf8.encode('one'))
  expect(far.open(second)).toEqual(utf8.encode('two'))
  // The same by hand: the nonce is the counter, the key comes from the salt.
  const own = hkdf(key, first.subarray(0, 32), utf8.encode('hypermesh/seal-records/1\0up'), 32)
  const decipher = createDecipheriv('aes-256-gcm', own, fromHex('000000000000000000000001'))
  decipher.setAuthTag(second.subarray(-16))
  expect(toHex(decipher.update(second.subarray(0, -16)))).toBe(toHex(utf8.encode('two')))
  decipher.final()
})

test('a record repeated, out of turn or left out does not open, and the right one still does', () => {
  const line = sealer(key)
  const [first, second, third] = texts.map((text) => line.seal(text))
  const far = opener(key)
  expect(far.open(second!)).toBeUndefined()
  expect(far.open(first!)).toEqual(texts[0])
  expect(far.open(first!)).toBeUndefined()
  expect(far.open(third!)).toBeUndefined()
  expect(far.open(second!)).toEqual(texts[1])
  expect(far.open(second!)).toBeUndefined()
  expect(far.open(third!)).toEqual(texts[2])
})

test('records of two sealers do not mix, although they share a secret', () => {
  const [a, b] = [sealer(key), sealer(key)]
  const [a1, b1] = [a.seal(texts[0]!), b.seal(texts[0]!)]
  const [a2, b2] = [a.seal(texts[2]!), b.seal(texts[2]!)]
  expect(a1).not.toEqual(b1)
  expect(a2).not.toEqual(b2)
  const far = opener(key)
  expect(far.open(a1)).toEqual(texts[0])
  expect(far.open(b2)).toBeUndefined()
  expect(far.open(b1)).toBeUndefined()
  expect(far.open(a2)).toEqual(texts[2])
})

test('a record opens only with its key, context and associated bytes', () => {
  const seal = (): Uint8Array => sealer(key, { context: 'up' }).seal(texts[0]!, texts[2])
  const other = key.map((byte) => byte ^ 1)
  expect(opener(key, { context: 'up' }).open(seal(), texts[2])).toEqual(texts[0])
  expect(opener(other, { context: 'up' }).open(seal(), texts[2])).toBeUndefined()
  expect(opener(key, { context: 'down' }).open(seal(), texts[2])).toBeUndefined()
  expect(opener(key, { context: 'up' }).open(seal(), texts[3])).toBeUndefined()
  expect(opener(key, { context: 'up' }).open(seal())).toBeUndefined()
})

test('a forged first record does not turn the opener away from the true sealer', () => {
  const line = sealer(key)
  const far = opener(key)
  expect(far.open(new Uint8Array(48))).toBeUndefined()
  expect(far.open(sealer(key, { context: 'other' }).seal(texts[0]!))).toBeUndefined()
  expect(far.open(line.seal(texts[0]!))).toEqual(texts[0])
})

test('a changed, cut or lengthened record does not open', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 100 }),
      fc.nat(),
      fc.nat({ max: 7 }),
      (plain, at, bit) => {
        const record = sealer(key).seal(plain)
        expect(record.length).toBe(plain.length + 48)
        const bad = record.slice()
        bad[at % bad.length]! ^= 1 << bit
        expect(opener(key).open(bad)).toBeUndefined()
        expect(opener(key).open(record.subarray(0, at % record.length))).toBeUndefined()
        expect(opener(key).open(concat(record, new Uint8Array(1)))).toBeUndefined()
      },
    ),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(opener(key).open(bytes)).toBeUndefined()
    }),
  )
})

test('a record longer than any that is sealed is refused', () => {
  const line = sealer(key)
  expect(() => line.seal(new Uint8Array(PLAIN_SIZE_MAX + 1))).toThrow(
    expect.objectContaining({ code: 'too-long' }),
  )
  const far = opener(key)
  // One that only another implementation would make, and that is genuine otherwise.
  const salt = new Uint8Array(32)
  const own = hkdf(key, salt, utf8.encode('hypermesh/seal-records/1\0'), 32)
  for (const [length, opens] of [
    [PLAIN_SIZE_MAX, true],
    [PLAIN_SIZE_MAX + 1, false],
  ] as const) {
    const cipher = createCipheriv('aes-256-gcm', own, new Uint8Array(12))
    const body = concat(cipher.update(new Uint8Array(length)), cipher.final())
    const record = concat(salt, body, cipher.getAuthTag())
    expect(opener(key).open(record) !== undefined).toBe(opens)
  }
  expect(far.open(line.seal(new Uint8Array(PLAIN_SIZE_MAX)))).toHaveLength(PLAIN_SIZE_MAX)
})

test('a sealer that made all its records makes no more', () => {
  const line = sealer(key, { recordsMax: 2 })
  line.seal(texts[0]!)
  line.seal(texts[0]!)
  expect(() => line.seal(texts[0]!)).toThrow(expect.objectContaining({ code: 'spent' }))
})

test.each([0, 1.5, RECORDS_MAX + 1, Number.POSITIVE_INFINITY])(
  'a sealer of %d records is refused',
  (recordsMax) => {
    expect(() => sealer(key, { recordsMax })).toThrow(
      expect.objectContaining({ code: 'bad-value' }),
    )
  },
)

test('a key or a context of the wrong size is an error at once', () => {
  const wrong = expect.objectContaining({ code: 'wrong-length' })
  expect(() => sealer(key.subarray(1))).toThrow(wrong)
  expect(() => opener(key.subarray(1))).toThrow(wrong)
  expect(() => sealer(key, { context: 'x'.repeat(257) })).toThrow(wrong)
  expect(() => opener(key, { context: 'é'.repeat(129) })).toThrow(wrong)
})
