import {
  PASSPHRASE_COST,
  PASSPHRASE_COST_MAX,
  PASSPHRASE_COST_MIN,
  fromHex,
  hkdf,
  passphraseKey,
  toHex,
} from '@hypermesh/crypto'
import { expect, test } from 'vitest'

const salt = new TextEncoder().encode('sixteen bytes...')

// RFC 5869 appendix A, cases 1 and 3.
test.each([
  [
    '0b'.repeat(22),
    '000102030405060708090a0b0c',
    'f0f1f2f3f4f5f6f7f8f9',
    '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  ],
  [
    '0b'.repeat(22),
    '',
    '',
    '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  ],
])('HKDF-SHA-256 of %s is as RFC 5869 says', (secret, saltHex, info, output) => {
  const made = hkdf(fromHex(secret), fromHex(saltHex), fromHex(info), 42)
  expect(toHex(made)).toBe(output)
  expect(Object.getPrototypeOf(made)).toBe(Uint8Array.prototype)
})

test.each([0, -1, 1.5, 8161, Number.NaN])('HKDF makes no %d bytes', (length) => {
  expect(() => hkdf(salt, salt, salt, length)).toThrow(
    expect.objectContaining({ code: 'wrong-length' }),
  )
})

test('HKDF takes no more info than the platform does', () => {
  expect(hkdf(salt, salt, new Uint8Array(1024), 32)).toHaveLength(32)
  expect(() => hkdf(salt, salt, new Uint8Array(1025), 32)).toThrow(
    expect.objectContaining({ code: 'wrong-length' }),
  )
})

test('a passphrase, a salt and a cost make one key', async () => {
  const key = await passphraseKey('correct horse', salt, PASSPHRASE_COST_MIN)
  expect(toHex(key)).toBe('ee1a5eea2b300c47546d5afacfc455adf812ef9d7a7ded9adb44671672ca9d9c')
  const others = [
    await passphraseKey('correct horsf', salt, PASSPHRASE_COST_MIN),
    await passphraseKey(
      'correct horse',
      salt.map((byte) => byte ^ 1),
      PASSPHRASE_COST_MIN,
    ),
    await passphraseKey('correct horse', salt, { ...PASSPHRASE_COST_MIN, passes: 2 }),
    await passphraseKey('correct horse', salt, { ...PASSPHRASE_COST_MIN, lanes: 2 }),
    await passphraseKey('correct horse', salt, { ...PASSPHRASE_COST_MIN, memoryKib: 8_200 }),
  ]
  expect(new Set([key, ...others].map(toHex)).size).toBe(6)
})

test('the same passphrase typed on another keyboard makes the same key', async () => {
  const composed = await passphraseKey('caf\u00E9 \uFB01x', salt, PASSPHRASE_COST_MIN)
  const decomposed = await passphraseKey('cafe\u0301 fix', salt, PASSPHRASE_COST_MIN)
  expect(composed).toEqual(decomposed)
})

test.each([
  ['too little memory', { memoryKib: 8_191 }],
  ['too much memory', { memoryKib: PASSPHRASE_COST_MAX.memoryKib + 1 }],
  ['no pass', { passes: 0 }],
  ['too many passes', { passes: 17 }],
  ['no lane', { lanes: 0 }],
  ['too many lanes', { lanes: 17 }],
  ['half a pass', { passes: 1.5 }],
])('a cost of %s is refused', async (_, part) => {
  await expect(passphraseKey('x', salt, { ...PASSPHRASE_COST, ...part })).rejects.toThrow(
    expect.objectContaining({ code: 'bad-value' }),
  )
})

test('an empty passphrase and a short salt are refused', async () => {
  const refused = expect.objectContaining({ code: 'bad-value' })
  await expect(passphraseKey('', salt, PASSPHRASE_COST_MIN)).rejects.toThrow(refused)
  const short = passphraseKey('x', salt.subarray(0, 7), PASSPHRASE_COST_MIN)
  await expect(short).rejects.toThrow(refused)
})
