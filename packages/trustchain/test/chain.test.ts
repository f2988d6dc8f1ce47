import { KeyObject, X509Certificate, sign } from 'node:crypto'
import { toHex } from '@hypermesh/crypto'
import { decodeChain, encodeChain, readCertificate, verifyChain } from '@hypermesh/trustchain'
import type { ChainVerdict } from '@hypermesh/trustchain'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  CLIENT,
  NOW,
  SERVER,
  cRLSign,
  constraints,
  digitalSignature,
  forgeChain,
  keyCertSign,
  names,
  pair,
  purposes,
  unknown,
  usage,
} from './forge.ts'
import type { Changes } from './forge.ts'

type Chain = readonly Uint8Array[]

const none = () => false

function ask(chain: Chain, anchors: Chain, now = NOW, isRevoked: (s: string) => boolean = none) {
  return verifyChain({ chain, anchors, now, isRevoked })
}

/** `code at place`, as the tables below write it. */
function reasons(verdict: ChainVerdict): string[] {
  return verdict.ok ? [] : verdict.reasons.map(({ code, at }) => `${code} at ${at}`)
}

async function judge(changes: Changes, now = NOW): Promise<string[]> {
  const [leaf, intermediate, root] = await forgeChain(changes)
  return reasons(await ask([leaf, intermediate], [root], now))
}

let leaf: Uint8Array
let intermediate: Uint8Array
let root: Uint8Array

beforeAll(async () => {
  ;[leaf, intermediate, root] = await forgeChain()
})

describe('a good chain', () => {
  test('says name, key, serial and root', async () => {
    const verdict = await ask([leaf, intermediate], [root])
    const { publicKey } = await pair('leaf', 'Ed25519')
    const key = KeyObject.from(publicKey).export({ format: 'der', type: 'spki' }).subarray(-32)
    expect(verdict).toEqual({
      ok: true,
      name: 'node-1',
      key: new Uint8Array(key),
      serial: '0a',
      root,
    })
  })

  test('may end in its anchor or leave it out, and may go on behind it', async () => {
    const [, , stranger] = await forgeChain({ root: { keys: await pair('other', 'ML-DSA-65') } })
    expect(reasons(await ask([leaf, intermediate, root], [root]))).toEqual([])
    expect(reasons(await ask([leaf, intermediate, root, stranger], [root]))).toEqual([])
    expect(reasons(await ask([leaf, intermediate], [stranger, root]))).toEqual([])
  })

  test('is one to Node and OpenSSL as well', () => {
    const [a, b, c] = [leaf, intermediate, root].map((der) => new X509Certificate(der))
    expect(a?.verify(b!.publicKey) && b?.verify(c!.publicKey) && c?.verify(c.publicKey)).toBe(true)
    expect(a?.checkIssued(b!) && b?.checkIssued(c!)).toBe(true)
  })
})

describe('trust comes from the anchors alone', () => {
  test('without an anchor nothing is trusted, a self-signed root in the chain neither', async () => {
    expect(reasons(await ask([leaf, intermediate, root], []))).toEqual(['unknown-anchor at 2'])
    expect(reasons(await ask([leaf, intermediate], []))).toEqual(['unknown-anchor at 1'])
  })

  test('a root of the same name and another key is another root', async () => {
    const other = await pair('other', 'ML-DSA-65')
    const [, , stranger] = await forgeChain({ root: { keys: other, signer: other } })
    expect(reasons(await ask([leaf, intermediate], [stranger]))).toEqual(['unknown-anchor at 1'])
    expect(reasons(await ask([leaf, intermediate, root], [stranger]))).toEqual([
      'unknown-anchor at 2',
    ])
  })

  test('a leaf is no anchor, not even when it is given as one', async () => {
    expect(reasons(await ask([leaf], [leaf]))).toEqual(['unknown-anchor at 0'])
  })

  test('an anchor that cannot be read is the caller’s mistake', async () => {
    await expect(ask([leaf, intermediate], [root.subarray(1)])).rejects.toMatchObject({
      code: 'anchor-malformed',
    })
  })
})

describe('links', () => {
  test('the issuer must be the next subject', async () => {
    expect(await judge({ leaf: { issuer: 'CN=someone' } })).toEqual(['issuer-mismatch at 0'])
    // Names are compared as bytes: RFC 5280 7.1 would fold the case.
    expect(await judge({ leaf: { issuer: 'CN=M intermediate' } })).toEqual(['issuer-mismatch at 0'])
  })

  test('the next key must have signed', async () => {
    const other = await pair('other', 'ML-DSA-65')
    expect(await judge({ leaf: { signer: other } })).toEqual(['bad-signature at 0'])
    expect(await judge({ intermediate: { signer: other } })).toEqual(['unknown-anchor at 1'])
  })

  test('the algorithm must be that of the signing key', async () => {
    const other = await pair('other', 'Ed25519')
    expect(await judge({ leaf: { signer: other } })).toEqual(['algorithm-mismatch at 0'])
  })

  test('the signed part must name the algorithm that the outside names', async () => {
    // Signed part from an Ed25519 issuer, put under an ML-DSA-65 signature that verifies.
    const [wrong] = await forgeChain({ leaf: { signer: await pair('other', 'Ed25519') } })
    const reading = readCertificate(wrong)
    if (!reading.ok) throw new Error('unreadable')
    const { tbs } = reading.certificate
    const { privateKey } = await pair('intermediate', 'ML-DSA-65')
    const signature = sign(null, tbs, KeyObject.from(privateKey))
    const algorithm = [0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x12]
    const bits = [
      3,
      0x82,
      (signature.length + 1) >> 8,
      (signature.length + 1) & 255,
      0,
      ...signature,
    ]
    const content = [...tbs, ...algorithm, ...bits]
    const der = Uint8Array.of(0x30, 0x82, content.length >> 8, content.length & 255, ...content)
    const verdict = await ask([der, intermediate], [root])
    expect(reasons(verdict)).toEqual(['algorithm-mismatch at 0'])
  })
})

describe('rules', () => {
  const early = { from: NOW + 1000n }
  const late = { until: NOW - 1000n }
  const leafNames = (...list: Parameters<typeof names>): Changes => ({
    leaf: { extensions: { names: names(...list) } },
  })
  const cases: [string, Changes, string[]][] = [
    ['leaf not yet valid', { leaf: early }, ['not-yet-valid at 0']],
    ['leaf expired', { leaf: late }, ['expired at 0']],
    ['intermediate not yet valid', { intermediate: early }, ['not-yet-valid at 1']],
    ['intermediate expired', { intermediate: late }, ['expired at 1']],
    ['root not yet valid', { root: early }, ['not-yet-valid at 2']],
    ['root expired', { root: late }, ['expired at 2']],
    [
      'unknown critical extension in the leaf',
      { leaf: { extensions: { unknown: unknown(true) } } },
      ['unknown-critical-extension at 0'],
    ],
    [
      'unknown critical extension in the intermediate',
      { intermediate: { extensions: { unknown: unknown(true) } } },
      ['unknown-critical-extension at 1'],
    ],
    [
      'unknown critical extension in the root',
      { root: { extensions: { unknown: unknown(true) } } },
      ['unknown-critical-extension at 2'],
    ],
    ['unknown extension', { leaf: { extensions: { unknown: unknown(false) } } }, []],
    [
      'intermediate that is no authority',
      { intermediate: { extensions: { constraints: constraints(false) } } },
      ['not-an-authority at 1'],
    ],
    [
      'intermediate without basic constraints',
      { intermediate: { extensions: { constraints: undefined } } },
      ['not-an-authority at 1'],
    ],
    [
      'root that is no authority',
      { root: { extensions: { constraints: constraints(false) } } },
      ['not-an-authority at 2'],
    ],
    [
      'root that allows no authority below it',
      { root: { extensions: { constraints: constraints(true, 0) } } },
      ['path-too-long at 2'],
    ],
    [
      'root that allows one authority below it',
      { root: { extensions: { constraints: constraints(true, 1) } } },
      [],
    ],
    ['root without a bound', { root: { extensions: { constraints: constraints(true) } } }, []],
    [
      'intermediate that may not sign certificates',
      { intermediate: { extensions: { usage: usage(cRLSign) } } },
      ['key-usage at 1'],
    ],
    [
      'intermediate without key usage',
      { intermediate: { extensions: { usage: undefined } } },
      ['key-usage at 1'],
    ],
    [
      'root that may not sign certificates',
      { root: { extensions: { usage: usage(digitalSignature) } } },
      ['key-usage at 2'],
    ],
    [
      'leaf that may not sign',
      { leaf: { extensions: { usage: usage(keyCertSign) } } },
      ['key-usage at 0'],
    ],
    ['leaf without key usage', { leaf: { extensions: { usage: undefined } } }, ['key-usage at 0']],
    [
      'leaf without purposes',
      { leaf: { extensions: { purposes: undefined } } },
      ['key-purpose at 0'],
    ],
    [
      'leaf for clients only',
      { leaf: { extensions: { purposes: purposes(CLIENT) } } },
      ['key-purpose at 0'],
    ],
    [
      'leaf for servers only',
      { leaf: { extensions: { purposes: purposes(SERVER) } } },
      ['key-purpose at 0'],
    ],
    [
      'intermediate for clients only',
      { intermediate: { extensions: { purposes: purposes(CLIENT) } } },
      ['key-purpose at 1'],
    ],
    [
      'leaf that is an authority',
      { leaf: { extensions: { constraints: constraints(true) } } },
      ['leaf-is-authority at 0'],
    ],
    ['leaf without names', { leaf: { extensions: { names: undefined } } }, ['name-missing at 0']],
    ['leaf with an address only', leafNames({ type: 'ip', value: '::1' }), ['name-missing at 0']],
    [
      'leaf with two names',
      leafNames({ type: 'dns', value: 'a' }, { type: 'dns', value: 'b' }),
      ['name-malformed at 0'],
    ],
    [
      'leaf with a name of another kind beside',
      leafNames({ type: 'dns', value: 'a' }, { type: 'url', value: 'mesh:b' }),
      ['name-malformed at 0'],
    ],
    ['leaf named in capitals', leafNames({ type: 'dns', value: 'Node' }), ['name-malformed at 0']],
    [
      'leaf with an empty label',
      leafNames({ type: 'dns', value: 'a..b' }),
      ['name-malformed at 0'],
    ],
    ['leaf with a wildcard', leafNames({ type: 'dns', value: '*.a' }), ['name-malformed at 0']],
    ['leaf with dots', leafNames({ type: 'dns', value: 'rack-1.node-2' }), []],
  ]

  test.each(cases)('%s', async (_, changes, expected) => {
    expect(await judge(changes)).toEqual(expected)
  })

  test('the leaf’s key must be an Ed25519 key', async () => {
    const keys = await pair('leaf', 'ML-DSA-65')
    expect(await judge({ leaf: { keys } })).toEqual(['leaf-key at 0'])
    // RFC 8032 5.1.5: 32 bytes. This says Ed25519 and has 33.
    const info = Uint8Array.of(0x30, 43, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 34, 0)
    const long = { info: Uint8Array.of(...info, ...new Uint8Array(33)) }
    expect(await judge({ leaf: long })).toEqual(['leaf-key at 0'])
  })

  test('validity includes both its ends', async () => {
    const both: Changes = { leaf: { from: NOW, until: NOW } }
    expect(await judge(both)).toEqual([])
    expect(await judge(both, NOW - 1n)).toEqual(['not-yet-valid at 0'])
    expect(await judge(both, NOW + 1n)).toEqual(['expired at 0'])
  })

  test('a revoked leaf or intermediate breaks the chain', async () => {
    const revoking = (serial: string) => ask([leaf, intermediate], [root], NOW, (s) => s === serial)
    expect(reasons(await revoking('0a'))).toEqual(['revoked at 0'])
    expect(reasons(await revoking('0b'))).toEqual(['revoked at 1'])
    expect(reasons(await revoking('0d'))).toEqual([])
  })

  test('all reasons are given, not only the first', async () => {
    const found = await judge({ leaf: { ...late, issuer: 'CN=x' }, root: late })
    expect(found).toEqual(['issuer-mismatch at 0', 'expired at 0', 'expired at 2'])
  })
})

describe('bad bytes', () => {
  test.each([
    ['empty-chain at 0', () => []],
    ['chain-too-long at 6', () => Array.from({ length: 7 }, () => leaf)],
    ['certificate-too-long at 1', () => [leaf, new Uint8Array(16_385)]],
    ['malformed at 0', () => [leaf.subarray(0, -1)]],
    ['malformed at 0', () => [Uint8Array.of(...leaf, 0)]],
    ['malformed at 1', () => [leaf, new Uint8Array(0)]],
  ])('%s', async (reason, chain) => {
    expect(reasons(await ask(chain(), [root]))).toEqual([reason])
  })

  test('no flipped bit goes unnoticed', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 1 }),
        fc.nat({ max: 16_000 }),
        fc.nat({ max: 7 }),
        async (which, at, bit) => {
          const chain = [leaf.slice(), intermediate.slice()]
          const der = chain[which]!
          der[at % der.length]! ^= 1 << bit
          expect((await ask(chain, [root])).ok).toBe(false)
        },
      ),
      { numRuns: 300 },
    )
  })

  test('a chain comes through its encoding, and only one of our own does', () => {
    const decoded = decodeChain(encodeChain([leaf, intermediate]))
    expect(decoded).toEqual({ ok: true, chain: [leaf, intermediate] })
    expect(() => encodeChain(Array.from({ length: 7 }, () => leaf))).toThrow(
      expect.objectContaining({ code: 'chain-too-long' }),
    )
    expect(decodeChain(new Uint8Array(49_153))).toMatchObject({ refusal: { code: 'too-long' } })
  })

  test('the encoding of a chain is pinned', () => {
    expect(toHex(encodeChain([Uint8Array.of(1), Uint8Array.of(2, 3)]))).toBe(
      '836f68797065726d6573682f636861696e01a16c636572746966696361746573824101420203',
    )
  })

  test('random, cut and flipped credentials are refused, never thrown at', () => {
    const good = encodeChain([leaf, intermediate])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(decodeChain(bytes).ok).toBe(false)
      }),
    )
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), (length) => {
        expect(decodeChain(good.subarray(0, length)).ok).toBe(false)
      }),
    )
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), fc.nat({ max: 7 }), (at, bit) => {
        const bytes = good.slice()
        bytes[at]! ^= 1 << bit
        const decoded = decodeChain(bytes)
        if (decoded.ok) expect(decoded.chain).not.toEqual([leaf, intermediate])
      }),
    )
  })
})
