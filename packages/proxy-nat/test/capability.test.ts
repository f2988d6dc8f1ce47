import { field, fromHex, record, type SigningKey, toHex } from '@hypermesh/crypto'
import {
  type Capability,
  capabilityCodec,
  CAPABILITY_SIZE_MAX,
  grant,
  GRANTS_MAX,
  grantIds,
  narrow,
  verifyCapability,
} from '@hypermesh/proxy-nat'
import { simulatedTrust } from '@hypermesh/proxy-nat/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  asset,
  assetId,
  codeOf,
  falcon1024,
  holder,
  keyOf,
  node,
  owner,
  stranger,
} from './world.ts'

const terms = {
  owner,
  falcon1024,
  assetId,
  region: 3,
  generation: 2_097_152,
  audience: holder.publicKey,
  rights: ['attach', 'read'] as const,
  offset: 4096,
  length: 8192,
  notBefore: 1000n,
  notAfter: 61_000n,
}
const root = grant(terms)
const less = {
  rights: ['attach'] as const,
  offset: 4096,
  length: 1,
  notBefore: 1000n,
  notAfter: 2000n,
  capability: root,
  holder,
  audience: stranger.publicKey,
}

// As docs/proxy-nat.md describes it, not as the package has it.
const grantFields = {
  audience: field.bytes({ length: 32 }),
  rights: field.count({ max: 7 }),
  offset: field.count({ max: Number.MAX_SAFE_INTEGER }),
  length: field.count({ max: Number.MAX_SAFE_INTEGER }),
  notBefore: field.uint(),
  notAfter: field.uint(),
  generation: field.count({ max: Number.MAX_SAFE_INTEGER }),
}
const claimCodec = record('hypermesh/capability-claim', 1, 512, {
  asset: field.bytes({ length: 16 }),
  region: field.count({ max: 0xffff_ffff }),
  parent: field.bytes({ length: 32 }),
  ...grantFields,
})
const key = field.bytes({ length: 32 })
/** Encodes longer chains than the package does. */
const longCodec = record('hypermesh/capability', 1, 9999, {
  asset: field.bytes({ length: 16 }),
  origin: field.record({ owner: key, falconHash: key, assetId: key }),
  region: field.count({ max: 0xffff_ffff }),
  grants: field.list(field.record({ ...grantFields, signature: field.bytes({ length: 64 }) }), {
    max: 99,
  }),
})
const { origin } = decoded(root)

const check = (bytes: Uint8Array, by: SigningKey = holder, now = 1000n): string =>
  codeOf(verifyCapability(bytes, by.publicKey, simulatedTrust(now)))

function decoded(bytes: Uint8Array): Capability {
  const outcome = capabilityCodec.decode(bytes)
  if (!outcome.ok) throw new Error(outcome.refusal.code)
  return outcome.value
}

/** The capability of these bytes, changed, and encoded again. */
function altered(
  bytes: Uint8Array,
  change: (capability: Capability) => Partial<Capability>,
): Uint8Array {
  const capability = decoded(bytes)
  return capabilityCodec.encode({ ...capability, ...change(capability) })
}

/** What a cheat does: signs a second grant as `by`, that says whatever he likes, behind the first of `bytes`. */
function forged(
  bytes: Uint8Array,
  by: SigningKey,
  claim: Partial<Capability['grants'][number]>,
): Uint8Array {
  const capability = decoded(bytes)
  const [first] = capability.grants
  const second = { ...first!, audience: stranger.publicKey, ...claim }
  const draft = { ...capability, grants: [first!, second] }
  const signature = by.sign(signedBytes(draft))
  return capabilityCodec.encode({ ...draft, grants: [first!, { ...second, signature }] })
}

// What the issuer of the last grant has to sign.
function signedBytes({ asset, region, grants }: Capability): Uint8Array {
  const parent = grantIds(
    longCodec.encode({ asset, origin, region, grants: grants.slice(0, -1) }),
  ).at(-1)!
  const { signature: _, ...claim } = grants.at(-1)!
  return claimCodec.encode({ asset, region, parent, ...claim })
}

test('a capability for known keys and terms has known bytes', () => {
  expect(toHex(root)).toBe(
    '837468797065726d6573682f6361706162696c69747901a465617373657450fd79e98750134af2b491da11d0a8f598666772' +
      '616e747381a8666c656e677468192000666f666673657419100066726967687473036861756469656e636558208139770ea8' +
      '7d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394686e6f74416674657219ee48696e6f744265666f726519' +
      '03e8697369676e61747572655840b8f5c5d5960520cab83bc71d322022eb412b61e7656ba2824793460afa4eb48ba4385417' +
      '58a017d4eb964ae86ac6265edc92aee7977dcf49853fc0410f17c00c6a67656e65726174696f6e1a00200000666f72696769' +
      '6ea3656f776e657258208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c6761737365744964' +
      '582004040404040404040404040404040404040404040404040404040404040404046a66616c636f6e4861736858204d3add' +
      '4d5b3ec6e54d7195118f3d3547b469db8ee13af7aaf859e364fd92547466726567696f6e03',
  )
  expect(grantIds(root).map(toHex)).toEqual([
    '9805d5617cd8b388d5b112afeeac10544104b1c453f6238dcd790da58c0f00dc',
  ])
})

test('the owner’s grant and what its holder hands on both verify, each for its audience', () => {
  expect(verifyCapability(root, holder.publicKey, simulatedTrust(1000n))).toMatchObject({
    ok: true,
    capability: { asset, region: 3 },
    claims: { rights: 3, offset: 4096, length: 8192 },
  })
  const handed = narrow(less)
  expect(verifyCapability(handed, stranger.publicKey, simulatedTrust(1000n))).toMatchObject({
    ok: true,
    claims: { rights: 1, offset: 4096, length: 1, notAfter: 2000n },
  })
  expect(grantIds(handed)).toHaveLength(2)
  expect(check(handed, holder)).toBe('wrong-audience')
})

test.each([
  { now: 999n, code: 'not-yet' },
  { now: 1000n, code: 'ok' },
  { now: 60_999n, code: 'ok' },
  { now: 61_000n, code: 'expired' },
])('a grant from 1000 until 61000 is $code at $now', ({ now, code }) => {
  expect(check(root, holder, now)).toBe(code)
})

test('to revoke a grant is to revoke what was handed on from it, and nothing above it', () => {
  const handed = narrow(less)
  const [first, second] = grantIds(handed)
  const firstGone = simulatedTrust(1000n)
  firstGone.revoke(first!)
  expect(codeOf(verifyCapability(handed, stranger.publicKey, firstGone))).toBe('revoked')
  const secondGone = simulatedTrust(1000n)
  secondGone.revoke(second!)
  expect(codeOf(verifyCapability(handed, stranger.publicKey, secondGone))).toBe('revoked')
  expect(codeOf(verifyCapability(root, holder.publicKey, secondGone))).toBe('ok')
})

describe('what a cheat signs', () => {
  const fair = { rights: 1, length: 1 }

  test('behind a fair grant, a fair second grant verifies', () => {
    expect(check(forged(root, holder, fair), stranger)).toBe('ok')
  })

  test.each([
    ['more rights', { rights: 7 }],
    ['an earlier byte', { offset: 4095 }],
    ['a later byte', { offset: 4097, length: 8192 }],
    ['a longer run', { length: 8193 }],
    [
      'a run past all counting',
      { offset: Number.MAX_SAFE_INTEGER, length: Number.MAX_SAFE_INTEGER },
    ],
    ['an earlier beginning', { notBefore: 999n }],
    ['a later end', { notAfter: 61_001n }],
    ['a later generation', { generation: 2_097_153 }],
    ['an earlier generation', { generation: 2_097_151 }],
  ])('%s than he has is refused', (_, claim) => {
    expect(check(forged(root, holder, { ...fair, ...claim }), stranger)).toBe('widened')
  })

  test('with another key than the audience’s before it is refused', () => {
    expect(check(forged(root, stranger, fair), stranger)).toBe('bad-signature')
    expect(check(forged(root, owner, fair), stranger)).toBe('bad-signature')
  })

  test('as the owner, without being the owner, is refused', () => {
    const own = grant({ ...terms, owner: stranger })
    // His own asset has another address; under the owner's address his keys do not lead there.
    expect(check(altered(own, () => ({ asset })))).toBe('forged-address')
    // With the owner's keys beside it the address is right and the signature is not.
    expect(check(altered(own, () => ({ asset, origin })))).toBe('bad-signature')
  })

  test('a grant moved to another region, asset or place in the chain is refused', () => {
    expect(check(altered(root, () => ({ region: 4 })))).toBe('bad-signature')
    const handed = narrow(less)
    expect(
      check(
        altered(handed, ({ grants }) => ({ grants: grants.slice(1) })),
        stranger,
      ),
    ).toBe('bad-signature')
    const otherRoot = grant({ ...terms, notAfter: 60_000n })
    const [otherFirst] = decoded(otherRoot).grants
    expect(
      check(
        altered(handed, ({ grants }) => ({ grants: [otherFirst!, grants[1]!] })),
        stranger,
      ),
    ).toBe('bad-signature')
  })

  test('a chain longer than a reader verifies is refused, however sound it is', () => {
    const keys = Array.from({ length: GRANTS_MAX + 1 }, (_, at) => keyOf(10 + at))
    const chain = decoded(grant({ ...terms, audience: keys[0]!.publicKey }))
    const grants = [...chain.grants]
    for (let at = 1; at < keys.length; at++) {
      const next = { ...grants[0]!, audience: keys[at]!.publicKey }
      grants.push(next)
      const signature = keys[at - 1]!.sign(signedBytes({ ...chain, grants }))
      grants[at] = { ...next, signature }
    }
    const shown = (length: number): string =>
      check(longCodec.encode({ ...chain, grants: grants.slice(0, length) }), keys[length - 1])
    expect(shown(GRANTS_MAX)).toBe('ok')
    expect(shown(GRANTS_MAX + 1)).toBe('bad-capability')
  })

  test('a capability without a grant grants nothing', () => {
    expect(check(altered(root, () => ({ grants: [] })))).toBe('bad-capability')
  })
})

describe('what a caller may not do', () => {
  test.each([
    ['more rights', { rights: ['write'] as const }],
    ['more bytes', { length: 8193 }],
    ['more time', { notAfter: 61_001n }],
    ['another’s capability', { holder: stranger }],
  ])('hand on %s', (_, wrong) => {
    expect(() => narrow({ ...less, ...wrong })).toThrow(
      expect.objectContaining({ code: 'not-narrower' }),
    )
  })

  test('make a longer chain than a reader verifies', () => {
    const keys = Array.from({ length: GRANTS_MAX + 1 }, (_, at) => keyOf(10 + at))
    const same = { ...less, rights: terms.rights, length: 8192, notAfter: 61_000n }
    let capability: Uint8Array = grant({ ...terms, audience: keys[0]!.publicKey })
    for (let at = 1; at < GRANTS_MAX; at++) {
      capability = narrow({
        ...same,
        capability,
        holder: keys[at - 1]!,
        audience: keys[at]!.publicKey,
      })
    }
    expect(check(capability, keys[GRANTS_MAX - 1])).toBe('ok')
    expect(capability.length).toBeLessThan(CAPABILITY_SIZE_MAX)
    expect(() => narrow({ ...same, capability, holder: keys[GRANTS_MAX - 1]! })).toThrow(
      expect.objectContaining({ code: 'not-narrower' }),
    )
  })

  test.each([
    ['wrong-length', { audience: new Uint8Array(31) }],
    ['wrong-length', { falcon1024: new Uint8Array(1) }],
    ['wrong-scheme', { owner: { ...owner, scheme: 'ml-dsa-65' as const } }],
    ['out-of-range', { offset: -1 }],
    ['out-of-range', { notAfter: -1n }],
    ['out-of-range', { region: 2 ** 32 }],
    ['out-of-range', { offset: Number.MAX_SAFE_INTEGER }],
  ])('grant what does not fit: %s', (code, wrong) => {
    expect(() => grant({ ...terms, ...wrong })).toThrow(expect.objectContaining({ code }))
  })

  test('hand on what is no capability', () => {
    expect(() => narrow({ ...less, capability: node })).toThrow(
      expect.objectContaining({ code: 'malformed' }),
    )
    expect(() => grantIds(node)).toThrow(expect.objectContaining({ code: 'malformed' }))
  })
})

describe('whatever bytes are shown', () => {
  test('random ones are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(check(bytes)).toBe('bad-capability')
      }),
    )
  })

  test('every flipped bit is refused', () => {
    for (let bit = 0; bit < root.length * 8; bit++) {
      const bytes = root.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(check(bytes), `bit ${bit}`).not.toBe('ok')
    }
  })

  test('cut short, drawn out or over-long ones are refused', () => {
    fc.assert(
      fc.property(fc.nat(root.length - 1), (length) => {
        expect(check(root.subarray(0, length))).toBe('bad-capability')
      }),
    )
    expect(check(Uint8Array.of(...root, 0))).toBe('bad-capability')
    expect(check(new Uint8Array(CAPABILITY_SIZE_MAX + 1))).toBe('bad-capability')
    expect(check(fromHex('9fff'))).toBe('bad-capability')
  })
})
