/* oxlint-disable typescript/no-unsafe-type-assertion -- Misuse is part of what is tested. */
import { createPublicKey } from 'node:crypto'
import type { JsonWebKeyInput } from 'node:crypto'
import { queryObjects } from 'node:v8'

import {
  concat,
  fromHex,
  generateSigningKey,
  signatureSizes,
  signingKeyFromSeed,
  toHex,
  verify,
} from '@hypermesh/crypto'
import type { NativeScheme } from '@hypermesh/crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { groupsOf, lacking } from './vectors.ts'

const SCHEMES = ['ed25519', 'ml-dsa-65', 'ml-dsa-87'] as const
const message = new TextEncoder().encode('run this on whichever machine is free')

// RFC 8032 section 7.1, tests 1 to 3.
test.each([
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    key: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    key: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    key: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
  },
])('Ed25519 signs $message as RFC 8032 says', ({ seed, key, message: text, signature }) => {
  const signer = signingKeyFromSeed('ed25519', fromHex(seed))
  expect(toHex(signer.publicKey)).toBe(key)
  expect(toHex(signer.sign(fromHex(text)))).toBe(signature)
  expect(toHex(signer.seed())).toBe(seed)
  expect(verify('ed25519', fromHex(key), fromHex(text), fromHex(signature))).toBe(true)
})

test.each(SCHEMES)('%s: a signature fits its message and key, and no other', (scheme) => {
  const key = generateSigningKey(scheme)
  const signature = key.sign(message)
  const sizes = signatureSizes(scheme)
  expect(key.publicKey.length).toBe(sizes.publicKey)
  expect(signature.length).toBe(sizes.signatureMax)
  expect(verify(scheme, key.publicKey, message, signature)).toBe(true)
  expect(verify(scheme, key.publicKey, message.subarray(1), signature)).toBe(false)
  const other = generateSigningKey(scheme)
  expect(verify(scheme, other.publicKey, message, signature)).toBe(false)
  const again = signingKeyFromSeed(scheme, key.seed())
  expect(again.publicKey).toEqual(key.publicKey)
})

test.each(SCHEMES)('%s: a changed, cut or lengthened key or signature is false', (scheme) => {
  const key = generateSigningKey(scheme)
  const signature = key.sign(message)
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 7 }), (place, bit) => {
      const bad = signature.slice()
      bad[place % bad.length]! ^= 1 << bit
      expect(verify(scheme, key.publicKey, message, bad)).toBe(false)
      const badKey = key.publicKey.slice()
      badKey[place % badKey.length]! ^= 1 << bit
      expect(verify(scheme, badKey, message, signature)).toBe(false)
      expect(verify(scheme, key.publicKey, message, bad.subarray(0, place % bad.length))).toBe(
        false,
      )
      expect(verify(scheme, badKey.subarray(0, place % badKey.length), message, bad)).toBe(false)
    }),
    { numRuns: 60 },
  )
  expect(verify(scheme, key.publicKey, message, new Uint8Array(10_000))).toBe(false)
  expect(verify(scheme, new Uint8Array(10_000), message, signature)).toBe(false)
})

test('an unknown scheme is false to verify and an error to use', () => {
  for (const name of ['rsa', 'constructor', '__proto__']) {
    const scheme = name as NativeScheme
    const empty = new Uint8Array()
    expect(verify(scheme, empty, empty, empty)).toBe(false)
    expect(() => generateSigningKey(scheme)).toThrow(
      expect.objectContaining({ code: 'unknown-scheme' }),
    )
  }
})

test('a seed of another length is an error', () => {
  for (const length of [0, 31, 33, 64]) {
    expect(() => signingKeyFromSeed('ml-dsa-65', new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'wrong-length' }),
    )
  }
})

// Points of order 1, 2, 4 and 8, and unreduced forms. Under such a key a signature needs no private key: with
// any r, R = r times the base and S = r fit one message in two, four or eight, or all. OpenSSL 3.0 takes these.
const anyones = fromHex(
  'ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c' +
    'ade1807345ca227a245f01b2d72081541a2d055c48a8288a4e7e4c4bca392808',
)
test.each([
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
])('the Ed25519 key %s of small order signs nothing', (hex) => {
  for (let attempt = 0; attempt < 64; attempt++) {
    const text = new Uint8Array([attempt])
    expect(verify('ed25519', fromHex(hex), text, anyones)).toBe(false)
  }
})

test('more keys than are kept ready verify all the same, and are not kept', () => {
  const [scheme, seed] = ['ed25519', new Uint8Array(32)] as const
  const spki = fromHex('302a300506032b6570032100')
  const key = {
    key: concat(spki, generateSigningKey(scheme).publicKey),
    format: 'der',
    type: 'spki',
  }
  const KeyObject = createPublicKey(key as unknown as JsonWebKeyInput).constructor
  for (let count = 0; count < 1500; count++) {
    new DataView(seed.buffer).setUint16(0, count)
    const signer = signingKeyFromSeed(scheme, seed)
    const signature = signer.sign(message)
    expect(verify(scheme, signer.publicKey, message, signature)).toBe(true)
    expect(verify(scheme, signer.publicKey, seed, signature)).toBe(false)
  }
  expect(queryObjects(KeyObject, { format: 'count' })).toBeLessThan(1200)
})

interface Case {
  readonly tcId: number
  readonly msg: string
  readonly sig: string
  readonly ctx?: string
  readonly result: string
}

const suites: readonly (readonly [NativeScheme, string])[] = [
  ['ed25519', 'wycheproof/ed25519_test.json'],
  ['ml-dsa-65', 'wycheproof/mldsa_65_verify_test.json'],
  ['ml-dsa-87', 'wycheproof/mldsa_87_verify_test.json'],
]
for (const [scheme, name] of suites) {
  test.skipIf(lacking(name))(`${scheme}: the good and bad cases of ${name}`, () => {
    let seen = 0
    for (const { publicKey, tests } of groupsOf<Case>(name)) {
      const key = fromHex(typeof publicKey === 'string' ? publicKey : publicKey.pk)
      for (const { tcId, msg, sig, ctx, result } of tests) {
        // We sign with the empty context only.
        if (ctx) continue
        const valid = verify(scheme, key, fromHex(msg), fromHex(sig))
        expect(valid, `case ${tcId}`).toBe(result === 'valid')
        seen += 1
      }
    }
    expect(seen).toBeGreaterThan(100)
  })
}

const KEYS = 'acvp/ML-DSA-keyGen-FIPS204_internalProjection.json.gz'
test.skipIf(lacking(KEYS))('ML-DSA seeds make the keys of FIPS 204', () => {
  let seen = 0
  for (const { parameterSet, tests } of groupsOf<{ seed: string; pk: string }>(KEYS)) {
    if (parameterSet === 'ML-DSA-44') continue
    const scheme = parameterSet === 'ML-DSA-65' ? 'ml-dsa-65' : 'ml-dsa-87'
    for (const { seed, pk } of tests) {
      const key = signingKeyFromSeed(scheme, fromHex(seed.toLowerCase()))
      expect(toHex(key.publicKey)).toBe(pk.toLowerCase())
      seen += 1
    }
  }
  expect(seen).toBe(50)
})
