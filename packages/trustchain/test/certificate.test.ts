import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { fromHex, toHex, verify } from '@hypermesh/crypto'
import { fingerprint, readCertificate } from '@hypermesh/trustchain'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { constraints, forge, forgeChain, pair } from './forge.ts'
import { patch, wrap } from './splice.ts'

let leaf: Uint8Array
let intermediate: Uint8Array
let root: Uint8Array

beforeAll(async () => {
  ;[leaf, intermediate, root] = await forgeChain()
})

function detail(der: Uint8Array): string {
  const reading = readCertificate(der)
  return reading.ok ? 'read' : `${reading.refusal.code}: ${reading.refusal.detail}`
}

describe('reading', () => {
  test('agrees with Node on what a certificate says', () => {
    for (const der of [leaf, intermediate, root]) {
      const theirs = new X509Certificate(der)
      const ours = readCertificate(der)
      if (!ours.ok) throw new Error(ours.refusal.detail)
      const { serial, notBefore, notAfter, authority, names } = ours.certificate
      expect(serial).toBe(theirs.serialNumber.toLowerCase())
      expect(notBefore).toBe(BigInt(theirs.validFromDate.getTime()))
      expect(notAfter).toBe(BigInt(theirs.validToDate.getTime()))
      expect(authority !== undefined).toBe(theirs.ca)
      expect(names?.dns.map((name) => `DNS:${name}`).join()).toBe(theirs.subjectAltName)
      const print = theirs.fingerprint256.replaceAll(':', '').toLowerCase()
      expect(toHex(fingerprint(der))).toBe(print)
    }
  })

  test.each([
    '1950-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
    '2000-02-29T12:00:00Z',
    '2049-12-31T23:59:59Z',
    '2050-01-01T00:00:00Z',
    '2100-02-28T23:59:59Z',
    '2400-02-29T00:00:00Z',
    '9999-12-31T23:59:59Z',
  ])('the time %s is read as it is written', async (text) => {
    const at = BigInt(Date.parse(text))
    const keys = await pair('leaf', 'Ed25519')
    const der = await forge({
      subject: 'CN=a',
      issuer: 'CN=a',
      serial: '01',
      from: at,
      until: at,
      keys,
      signer: keys,
      extensions: { constraints: constraints(false) },
    })
    const reading = readCertificate(der)
    expect(reading).toMatchObject({ ok: true, certificate: { notBefore: at, notAfter: at } })
  })
})

const usageExtension = '300e0603551d0f0101ff040403020780'
const purposesValue = '0416301406082b0601050507030206082b06010505070301'
const namesValue = '040a300882066e6f64652d31'

function listOf(item: string, count: number): string {
  return toHex(wrap(0x04, wrap(0x30, fromHex(item.repeat(count)))))
}

describe('strictness', () => {
  test.each([
    ['bytes behind the end', () => Uint8Array.of(...leaf, 0)],
    ['a cut', () => leaf.subarray(0, 100)],
    ['nothing', () => new Uint8Array(0)],
    ['an indefinite length', () => Uint8Array.of(0x30, 0x80, ...leaf.subarray(4), 0, 0)],
    [
      'a padded length',
      () => Uint8Array.of(0x30, 0x83, 0, leaf[2] ?? 0, leaf[3] ?? 0, ...leaf.subarray(4)),
    ],
    ['a padded length inside', () => patch(leaf, '0603551d0f', '068103551d0f')],
    ['a length padded twice', () => patch(leaf, '0603551d0f', '06820003551d0f')],
    ['a length beyond the end', () => Uint8Array.of(0x30, 0x82, 0xff, 0xff, ...leaf.subarray(4))],
    ['version 2', () => patch(leaf, 'a003020102', 'a003020101')],
    ['serial zero', () => patch(leaf, 'a00302010202010a', 'a003020102020100')],
    ['a negative serial', () => patch(leaf, 'a00302010202010a', 'a003020102020180')],
    ['a padded serial', () => patch(leaf, '02010a', '0202000a')],
    ['a serial of 21 bytes', () => patch(leaf, '02010a', `0215${'01'.repeat(21)}`)],
    ['a key of part of a byte', () => patch(leaf, '032100', '032101')],
    ['a padded object identifier', () => patch(leaf, '0603551d25', '060480551d25')],
    ['an object identifier cut short', () => patch(leaf, '0603551d25', '0603551d85')],
    ['a thirteenth month', () => patch(leaf, hexOf('270114'), hexOf('271314'))],
    ['the thirtieth of February', () => patch(leaf, hexOf('270114'), hexOf('270230'))],
    ['a twenty-fifth hour', () => patch(leaf, hexOf('27011408'), hexOf('27011425'))],
    [
      'a year before 2050 in four digits',
      () => patch(leaf, `170d${hexOf('270114')}`, `180f${hexOf('20270114')}`),
    ],
    ['a FALSE that should be left out', () => patch(leaf, '0603551d0f0101ff', '0603551d0f010100')],
    ['a TRUE of another value', () => patch(leaf, '0603551d0f0101ff', '0603551d0f010101')],
    ['no extensions at all', () => withoutExtensions(leaf)],
    ['an extension twice', () => patch(leaf, usageExtension, usageExtension + usageExtension)],
    ['33 extensions', () => manyExtensions(leaf, 29)],
    ['a key usage of no bits', () => patch(leaf, '03020780', '03020700')],
    ['a key usage with padding', () => patch(leaf, '03020780', '03020680')],
    ['bits beyond the key usage', () => patch(leaf, '03020780', '030207c0')],
    ['a path length without cA', () => patch(intermediate, '30060101ff020100', '3003020100')],
    ['no purposes', () => patch(leaf, purposesValue, '04023000')],
    ['17 purposes', () => patch(leaf, purposesValue, listOf('06022b01', 17))],
    ['17 names', () => patch(leaf, namesValue, listOf('82026e31', 17))],
    ['no names', () => patch(leaf, namesValue, '04023000')],
    ['a unique identifier', () => patch(leaf, 'a3553053', '81020001a3553053')],
  ])('%s is refused', (_, der) => {
    expect(detail(der())).toMatch(/^malformed: /)
  })

  test('at the limits it is read', () => {
    expect(detail(manyExtensions(leaf, 28))).toBe('read')
    expect(detail(patch(leaf, purposesValue, listOf('06022b01', 16)))).toBe('read')
    expect(detail(patch(leaf, namesValue, listOf('82026e31', 16)))).toBe('read')
    expect(detail(patch(leaf, '02010a', `0214${'01'.repeat(20)}`))).toBe('read')
  })

  test('16 KiB is the most that is read', () => {
    expect(detail(new Uint8Array(16_385))).toMatch(/^too-long/)
  })

  test('random, cut and flipped bytes are answered, never thrown at', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(readCertificate(bytes).ok).toBe(false)
      }),
    )
    fc.assert(
      fc.property(fc.nat({ max: leaf.length - 1 }), (length) => {
        expect(readCertificate(leaf.subarray(0, length)).ok).toBe(false)
      }),
    )
    const flips = fc.array(fc.tuple(fc.nat({ max: 400 }), fc.nat({ max: 255 })), { maxLength: 8 })
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = leaf.slice()
        for (const [at, byte] of changes) bytes[at] = byte
        expect(typeof readCertificate(bytes).ok).toBe('boolean')
      }),
      { numRuns: 1_000 },
    )
  })

  test('what is read takes its bytes from what was given: a deep nesting costs nothing', () => {
    let nested = new Uint8Array(0)
    for (let depth = 0; depth < 4_000; depth += 1) {
      const header =
        nested.length < 128
          ? [0x30, nested.length]
          : [0x30, 0x82, nested.length >> 8, nested.length & 255]
      if (nested.length >= 128 && nested.length < 256) header.splice(1, 3, 0x81, nested.length)
      nested = Uint8Array.of(...header, ...nested)
      if (nested.length > 16_000) break
    }
    expect(detail(nested)).toMatch(/^malformed/)
  })
})

const vectors =
  process.env['HYPERMESH_VECTORS'] ?? join(import.meta.dirname, '../../../../shared/vectors')
const folder = join(vectors, 'pqc-certs')
const absent = existsSync(folder) ? false : `no vectors at ${folder}`

test.skipIf(absent)(`certificates by other implementations${absent ? `: ${absent}` : ''}`, () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  const signed = new Set<string>()
  for (const file of files.filter((name) => /\.(der|crt|cer|pem)$/.test(name))) {
    const bytes = readFileSync(join(folder, file))
    const der = bytes.toString('latin1').startsWith('-----')
      ? new X509Certificate(bytes).raw
      : bytes
    const reading = readCertificate(new Uint8Array(der))
    if (!reading.ok) continue
    const { serial, key, tbs, signature } = reading.certificate
    expect(serial).toBe(new X509Certificate(der).serialNumber.toLowerCase())
    // The key of the one that is not self-signed is an ML-KEM key.
    if (!signature.scheme || !key.scheme) continue
    expect(verify(signature.scheme, key.bytes, tbs, signature.bytes)).toBe(true)
    signed.add(signature.scheme)
  }
  expect([...signed].toSorted()).toEqual(['ml-dsa-65', 'ml-dsa-87'])
})

// [3] { SEQUENCE { ... } }, the last thing in the signed part.
function withoutExtensions(der: Uint8Array): Uint8Array {
  const start = toHex(der).indexOf('a3553053') / 2
  return patch(der, toHex(der.subarray(start, start + 0x57)), 'a3023000')
}

function manyExtensions(der: Uint8Array, count: number): Uint8Array {
  const more = Array.from(
    { length: count },
    (_, at) => `3009060355${toHex(Uint8Array.of(at & 0x7f))}7f04020500`,
  )
  return patch(der, usageExtension, usageExtension + more.join(''))
}

function hexOf(text: string): string {
  return toHex(new TextEncoder().encode(text))
}
