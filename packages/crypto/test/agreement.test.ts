/* oxlint-disable typescript/no-unsafe-type-assertion -- Misuse is part of what is tested. */
import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto'
import type { JsonWebKeyInput, KeyObject } from 'node:crypto'

import {
  agreementKeyFromSeed,
  concat,
  decapsulate,
  draw,
  encapsulate,
  fromHex,
  generateAgreementKey,
  hkdf,
  sha256,
  toHex,
} from '@hypermesh/crypto'
import type { AgreementKey, AgreementScheme } from '@hypermesh/crypto'
import { seededRandomForTests } from '@hypermesh/crypto/testing'
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { groupsOf, lacking } from './vectors.ts'

const SCHEMES = ['x25519', 'ml-kem-1024', 'x25519+ml-kem-1024'] as const
const SIZES = {
  x25519: [32, 32],
  'ml-kem-1024': [1568, 1568],
  'x25519+ml-kem-1024': [1600, 1600],
}

// How the secret is made of the raw ones, written out.
function derived(
  scheme: AgreementScheme,
  raw: readonly Uint8Array[],
  publicKey: Uint8Array,
  message: Uint8Array,
): string {
  const label = new TextEncoder().encode(`hypermesh/agreement/1\0${scheme}\0`)
  const info = concat(label, sha256(publicKey, message))
  return toHex(hkdf(concat(...raw), new Uint8Array(), info, 32))
}

test.each(SCHEMES)('%s: both sides have one secret, and each time another', (scheme) => {
  const key = generateAgreementKey(scheme)
  const seen = new Set<string>()
  for (let round = 0; round < 5; round++) {
    const sent = encapsulate(scheme, key.publicKey)!
    expect([key.publicKey.length, sent.message.length]).toEqual(SIZES[scheme])
    expect(sent.secret.length).toBe(32)
    expect(decapsulate(key, sent.message)).toEqual(sent.secret)
    seen.add(toHex(sent.secret))
  }
  expect(seen.size).toBe(5)
  const again = agreementKeyFromSeed(scheme, key.seed())
  expect(again.publicKey).toEqual(key.publicKey)
})

test.each(SCHEMES)('%s: a message changed on the way gives no common secret', (scheme) => {
  const key = generateAgreementKey(scheme)
  const { secret, message } = encapsulate(scheme, key.publicKey)!
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 7 }), (place, bit) => {
      const bad = message.slice()
      bad[place % bad.length]! ^= 1 << bit
      expect(decapsulate(key, bad)).not.toEqual(secret)
    }),
    { numRuns: 60 },
  )
})

test.each(SCHEMES)('%s: a key or message of another length is refused', (scheme) => {
  const key = generateAgreementKey(scheme)
  const { message } = encapsulate(scheme, key.publicKey)!
  for (const length of [0, 1, 31, 33, 1567, 1569, 1599, 1601, 100_000]) {
    expect(encapsulate(scheme, new Uint8Array(length))).toBeUndefined()
    expect(decapsulate(key, new Uint8Array(length))).toBeUndefined()
  }
  expect(decapsulate(key, message.subarray(1))).toBeUndefined()
  expect(() => agreementKeyFromSeed(scheme, new Uint8Array(31))).toThrow(
    expect.objectContaining({ code: 'wrong-length' }),
  )
})

// RFC 7748 section 6.1: Alice's and Bob's keys and their shared secret. X25519 ignores the top bit of a key,
// so a message with it set carries the same raw secret; what is bound to the message is another.
test('X25519 agrees as RFC 7748 says, bound to the message as it was sent', () => {
  const bob = agreementKeyFromSeed(
    'x25519',
    fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
  )
  expect(toHex(bob.publicKey)).toBe(
    'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
  )
  const alice = fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a')
  const raw = fromHex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742')
  const secret = decapsulate(bob, alice)!
  expect(toHex(secret)).toBe(derived('x25519', [raw], bob.publicKey, alice))
  expect(toHex(secret)).toBe('32441e36fb4eb350f04dac3cde319ee4b4159ae44e4f39f0cfc0441b33e13c81')
  const marked = alice.slice()
  marked[31]! |= 0x80
  expect(decapsulate(bob, marked)).not.toEqual(secret)
})

// Points of small order, reduced and not: with any private key they yield zero.
test.each([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
])('the X25519 point %s is refused, as a key and as a message', (hex) => {
  const point = fromHex(hex)
  expect(encapsulate('x25519', point)).toBeUndefined()
  expect(decapsulate(generateAgreementKey('x25519'), point)).toBeUndefined()
  const hybrid = generateAgreementKey('x25519+ml-kem-1024')
  const badKey = concat(point, hybrid.publicKey.subarray(32))
  expect(encapsulate('x25519+ml-kem-1024', badKey)).toBeUndefined()
  const { message } = encapsulate('x25519+ml-kem-1024', hybrid.publicKey)!
  expect(decapsulate(hybrid, concat(point, message.subarray(32)))).toBeUndefined()
})

// The raw secrets as another library computes them. The ML-KEM half of the message is random, which decapsulates
// to a secret as well, and always to the same one.
test('the hybrid secret is made of both raw ones', () => {
  const random = seededRandomForTests('hybrid')
  const seed = draw(random, 96)
  const key = agreementKeyFromSeed('x25519+ml-kem-1024', seed)
  const { publicKey, secretKey } = ml_kem1024.keygen(seed.subarray(32))
  expect(key.publicKey.subarray(32)).toEqual(publicKey)
  const ephemeral = agreementKeyFromSeed('x25519', draw(random, 32))
  const message = concat(ephemeral.publicKey, draw(random, 1568))
  const mlKem = ml_kem1024.decapsulate(message.slice(32), secretKey)
  const x25519 = diffieHellman({
    privateKey: x25519Key('raw-private', seed.subarray(0, 32)),
    publicKey: x25519Key('raw-public', ephemeral.publicKey),
  })
  const secret = toHex(decapsulate(key, message)!)
  expect(secret).toBe(derived('x25519+ml-kem-1024', [x25519, mlKem], key.publicKey, message))
  expect(secret).toBe('f11ed997d261a7749642920693b5f648aea64193e8ac5dcab8da4d5b8e830597')
})

test('the hybrid secret needs both halves', () => {
  const key = generateAgreementKey('x25519+ml-kem-1024')
  const seed = key.seed()
  const { secret, message } = encapsulate('x25519+ml-kem-1024', key.publicKey)!
  const stranger = generateAgreementKey('x25519+ml-kem-1024').seed()
  const withOneHalf = [
    concat(seed.subarray(0, 32), stranger.subarray(32)),
    concat(stranger.subarray(0, 32), seed.subarray(32)),
  ]
  for (const half of withOneHalf) {
    const thief = agreementKeyFromSeed('x25519+ml-kem-1024', half)
    expect(decapsulate(thief, message)).not.toEqual(secret)
  }
})

test('an unknown scheme or a foreign key is an error', () => {
  const scheme = 'constructor' as AgreementScheme
  const unknown = expect.objectContaining({ code: 'unknown-scheme' })
  expect(() => generateAgreementKey(scheme)).toThrow(unknown)
  expect(() => encapsulate(scheme, new Uint8Array(32))).toThrow(unknown)
  const foreign: AgreementKey = { ...generateAgreementKey('x25519') }
  expect(() => decapsulate(foreign, new Uint8Array(32))).toThrow(
    expect.objectContaining({ code: 'bad-key' }),
  )
})

const DECAPSULATE = 'wycheproof/mlkem_1024_test.json'
test.skipIf(lacking(DECAPSULATE))(`the good and bad cases of ${DECAPSULATE}`, () => {
  let seen = 0
  type Case = { tcId: number; seed: string; ek: string; c: string; K: string; result: string }
  for (const { tests } of groupsOf<Case>(DECAPSULATE)) {
    for (const { tcId, seed, ek, c, K, result } of tests) {
      if (seed.length !== 128) {
        expect(result, `case ${tcId}`).toBe('invalid')
        continue
      }
      const key = agreementKeyFromSeed('ml-kem-1024', fromHex(seed))
      if (ek) expect(toHex(key.publicKey)).toBe(ek)
      const secret = decapsulate(key, fromHex(c))
      if (result !== 'valid') expect(secret, `case ${tcId}`).toBeUndefined()
      else
        expect(toHex(secret!)).toBe(derived('ml-kem-1024', [fromHex(K)], key.publicKey, fromHex(c)))
      seen += 1
    }
  }
  expect(seen).toBeGreaterThan(100)
})

const ENCAPSULATE = 'wycheproof/mlkem_1024_encaps_test.json'
test.skipIf(lacking(ENCAPSULATE))(`the bad keys of ${ENCAPSULATE}`, () => {
  let bad = 0
  type Case = { tcId: number; ek: string; result: string }
  for (const { tests } of groupsOf<Case>(ENCAPSULATE)) {
    for (const { tcId, ek, result } of tests) {
      const sent = encapsulate('ml-kem-1024', fromHex(ek))
      expect(sent !== undefined, `case ${tcId}`).toBe(result === 'valid')
      if (!sent) bad += 1
    }
  }
  expect(bad).toBeGreaterThan(0)
})

const KEYS = 'acvp/ML-KEM-keyGen-FIPS203_internalProjection.json.gz'
test.skipIf(lacking(KEYS))('ML-KEM seeds make the keys of FIPS 203', () => {
  let seen = 0
  for (const { parameterSet, tests } of groupsOf<{ d: string; z: string; ek: string }>(KEYS)) {
    if (parameterSet !== 'ML-KEM-1024') continue
    for (const { d, z, ek } of tests) {
      const key = agreementKeyFromSeed('ml-kem-1024', fromHex((d + z).toLowerCase()))
      expect(toHex(key.publicKey)).toBe(ek.toLowerCase())
      seen += 1
    }
  }
  expect(seen).toBe(25)
})

function x25519Key(format: 'raw-private' | 'raw-public', key: Uint8Array): KeyObject {
  const input = { key, format, asymmetricKeyType: 'x25519' } as unknown as JsonWebKeyInput
  return format === 'raw-private' ? createPrivateKey(input) : createPublicKey(input)
}
