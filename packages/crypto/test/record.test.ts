/* oxlint-disable typescript/no-unsafe-type-assertion -- Misuse is part of what is tested. */
import { concat, field, fromHex, record, toHex, union } from '@hypermesh/crypto'
import type { Codec, RecordOf } from '@hypermesh/crypto'
import { encode as cbor, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { expect, expectTypeOf, test } from 'vitest'

const lease = record('example/lease', 3, 4096, {
  id: field.bytes({ length: 4 }),
  until: field.uint(),
  cores: field.count({ max: 1_000_000 }),
  note: field.optional(field.text({ max: 8 })),
  shared: field.bool(),
  parts: field.list(field.record({ at: field.uint({ max: 1000n }) }), { max: 3 }),
  what: field.choice({ region: { size: field.uint() }, whole: {} }),
})
type Lease = RecordOf<typeof lease>

const sample: Lease = {
  id: fromHex('01020304'),
  until: 1_000_000n,
  cores: 500,
  note: 'é',
  shared: true,
  parts: [{ at: 7n }],
  what: { type: 'region', size: 2n ** 40n },
}

const GOLDEN =
  '836d6578616d706c652f6c6561736503a7' + // [domain, 3, 7 fields
  '62696444' +
  '01020304' + // id
  '646e6f746562c3a9' + // note
  '6477686174' +
  '8266726567696f6ea16473697a651b0000010000000000' + // what
  '65636f726573' +
  '1901f4' + // cores
  '657061727473' +
  '81a162617407' + // parts
  '65756e74696c' +
  '1a000f4240' + // until
  '66736861726564' +
  'f5' // shared

test('a record has this one encoding', () => {
  expect(toHex(lease.encode(sample))).toBe(GOLDEN)
  expect(lease.decode(fromHex(GOLDEN))).toEqual({ ok: true, value: sample })
})

test('the type of a record follows from its fields', () => {
  expectTypeOf<Lease>().toEqualTypeOf<{
    readonly id: Uint8Array
    readonly until: bigint
    readonly cores: number
    readonly note?: string
    readonly shared: boolean
    readonly parts: readonly { readonly at: bigint }[]
    readonly what: { readonly type: 'region'; readonly size: bigint } | { readonly type: 'whole' }
  }>()
  const plain = record('example/plain', 1, 64, { id: field.uint() })
  // @ts-expect-error -- The codec does not have `more`, so its type must not either.
  const promised: Codec<{ readonly id: bigint; readonly more?: bigint }> = plain
  expect(promised).toBe(plain)
})

const body = (hex: string): Uint8Array => fromHex(`83626d7901${hex}`)
const one = record('my', 1, 64, {
  b: field.optional(field.bytes({ max: 2 })),
  a: field.uint({ max: 300n }),
})

test.each([
  ['', 'malformed', undefined, 'nothing'],
  ['a1', 'malformed', undefined, 'no key'],
  ['a16161', 'malformed', 'a', 'no value'],
  ['a1616118', 'malformed', 'a', 'half a head'],
  ['a1616101ff', 'malformed', undefined, 'more than a record'],
  ['a161ff01', 'malformed', undefined, 'a key that is no text'],
  ['a161611c', 'malformed', 'a', 'a reserved head'],
  ['a161611cffffffffffffffffffffffffffffffff', 'malformed', 'a', 'one with something behind it'],
  ['ba7fffffff', 'malformed', undefined, 'more keys than bytes'],
  ['bbffffffffffffffff', 'out-of-range', undefined, 'more keys than can be counted'],
  ['a161611817', 'not-canonical', 'a', 'a long head for a small number'],
  ['a16161190017', 'not-canonical', 'a', 'a longer one'],
  ['a161611a00000017', 'not-canonical', 'a', 'a still longer one'],
  ['a161611b0000000000000017', 'not-canonical', 'a', 'the longest one'],
  ['a161611f', 'not-canonical', 'a', 'no length'],
  ['bf616101ff', 'not-canonical', undefined, 'a map without a length'],
  ['a261610161625f4100ff', 'not-canonical', 'b', 'bytes without a length'],
  ['b801616101', 'not-canonical', undefined, 'a long head for a small map'],
  ['bb0000000000000001', 'not-canonical', undefined, 'the longest one for a map'],
  ['a178016101', 'not-canonical', undefined, 'a long head for a short key'],
  ['a2616240616101', 'not-canonical', undefined, 'keys in another order'],
  ['a2616101616101', 'not-canonical', undefined, 'a key twice'],
  ['a2616101616300', 'unknown-key', undefined, 'one key too many'],
  ['a1616300', 'unknown-key', undefined, 'another key'],
  ['a1784161', 'unknown-key', undefined, 'a key longer than any'],
  ['a0', 'missing-key', 'a', 'no keys'],
  ['a1616240', 'missing-key', 'a', 'only the optional key'],
  ['a1616119012d', 'out-of-range', 'a', 'a number over the limit'],
  ['a2616101616243000000', 'out-of-range', 'b', 'bytes over the limit'],
  ['a261610161625b7fffffffffffffff', 'out-of-range', 'b', 'bytes beyond measure'],
  ['a1616120', 'wrong-type', 'a', 'a negative number'],
  ['a16161f5', 'wrong-type', 'a', 'a boolean'],
  ['a16161f97c00', 'wrong-type', 'a', 'a floating-point number'],
  ['a16161c24101', 'wrong-type', 'a', 'a tagged number'],
  ['a2616101616200', 'wrong-type', 'b', 'a number for bytes'],
  ['a10161', 'wrong-type', undefined, 'a number for a key'],
  ['80', 'wrong-type', undefined, 'a list for a map'],
])('the body %s is refused: %s at %s (%s)', (...[hex, code, at]) => {
  const refusal = at === undefined ? { code } : { code, at }
  expect(one.decode(body(hex))).toEqual({ ok: false, refusal })
})

test.each(['a161611818', 'a2616101616240', 'a261610161624100', 'a1616119012c'])(
  'the body %s is a record',
  (hex) => {
    expect(one.decode(body(hex)).ok).toBe(true)
  },
)

test.each([
  ['', 'malformed'],
  ['82626d7901', 'wrong-type'],
  ['84626d7901a161610100', 'wrong-type'],
  ['83626d7801a1616101', 'wrong-domain'],
  ['83616d01a1616101', 'wrong-domain'],
  ['8378ff6d01a1616101', 'wrong-domain'],
  ['83426d7901a1616101', 'wrong-type'],
  ['83626d7902a1616101', 'wrong-version'],
  ['83626d791bffffffffffffffffa1616101', 'wrong-version'],
  ['83626d7920a1616101', 'wrong-type'],
  ['00'.repeat(65), 'too-long'],
])('%s is refused: %s', (text, code) => {
  expect(one.decode(fromHex(text))).toEqual({ ok: false, refusal: { code } })
})

test('a refusal says where', () => {
  const bad = { ...sample, parts: [{ at: 7n }, { at: 1000n }] }
  const bytes = lease.encode(bad)
  // 1000 is 19 03e8; the greatest allowed, so one more is refused.
  const hex = toHex(bytes).replace('1903e8', '1903e9')
  expect(lease.decode(fromHex(hex))).toEqual({
    ok: false,
    refusal: { code: 'out-of-range', at: 'parts[1].at' },
  })
})

test('bytes of one length are of no other', () => {
  const id = record('i', 1, 100, { id: field.bytes({ length: 2 }) })
  expect(id.decode(fromHex('83616901a1626964420102')).ok).toBe(true)
  for (const other of ['40', '4101', '43010203']) {
    const decoded = id.decode(fromHex(`83616901a1626964${other}`))
    expect(decoded).toEqual({ ok: false, refusal: { code: 'out-of-range', at: 'id' } })
  }
})

test('a list longer than its limit is refused before its items are read', () => {
  const list = record('l', 1, 100, { l: field.list(field.uint(), { max: 2 }) })
  const refused = (code: string): object => ({ ok: false, refusal: { code, at: 'l' } })
  expect(list.decode(fromHex('83616c01a1616c83000000'))).toEqual(refused('out-of-range'))
  expect(list.decode(fromHex('83616c01a1616c9affffffff'))).toEqual(refused('out-of-range'))
  expect(list.decode(fromHex('83616c01a1616c82'))).toEqual(refused('malformed'))
})

test('text must be well-formed UTF-8', () => {
  const text = record('t', 1, 100, { t: field.text({ max: 9 }) })
  for (const bad of ['61ff', '62c080', '63eda080', '61c3']) {
    const decoded = text.decode(fromHex(`83617401a16174${bad}`))
    expect(decoded).toEqual({ ok: false, refusal: { code: 'malformed', at: 't' } })
  }
  // A byte order mark is text like any other, or two encodings would mean one value.
  const marked = text.encode({ t: '\uFEFFa' })
  expect(text.decode(marked)).toEqual({ ok: true, value: { t: '\uFEFFa' } })
})

test('a union is told apart by its type', () => {
  const message = union('example/message', 1, 64, {
    ping: { at: field.uint() },
    bye: { why: field.optional(field.text({ max: 8 })) },
  })
  const bytes = message.encode({ type: 'ping', at: 5n })
  expect(toHex(bytes)).toBe('836f6578616d706c652f6d65737361676501826470696e67a162617405')
  const decoded = message.decode(bytes)
  expect(decoded).toEqual({ ok: true, value: { type: 'ping', at: 5n } })
  expect(message.decode(message.encode({ type: 'bye' }))).toEqual({
    ok: true,
    value: { type: 'bye' },
  })
  const pong = fromHex(toHex(bytes).replace('70696e67', '706f6e67'))
  expect(message.decode(pong)).toEqual({ ok: false, refusal: { code: 'unknown-key' } })
})

test.each([
  ['a number where a bigint belongs', { ...sample, until: 1 }],
  ['a negative one', { ...sample, until: -1n }],
  ['one over 64 bits', { ...sample, until: 2n ** 64n }],
  ['a count that is not whole', { ...sample, cores: 0.5 }],
  ['a count over its limit', { ...sample, cores: 1_000_001 }],
  ['bytes of another length', { ...sample, id: new Uint8Array(5) }],
  ['text that is too long in UTF-8', { ...sample, note: 'ééééé' }],
  ['half of a surrogate pair', { ...sample, note: '\uD800' }],
  ['too many items', { ...sample, parts: Array.from({ length: 4 }, () => ({ at: 0n })) }],
  ['a type that is none', { ...sample, what: { type: '__proto__' } }],
  ['nothing where something is needed', { ...sample, shared: undefined }],
])('%s is not encoded', (_, value) => {
  const misused = value as unknown as Lease
  expect(() => lease.encode(misused)).toThrow(expect.objectContaining({ code: 'bad-value' }))
})

test('an encoding over the limit is not made, so no codec refuses its own bytes', () => {
  const small = record('s', 1, 16, { b: field.bytes({ max: 100 }) })
  expect(small.decode(small.encode({ b: new Uint8Array(8) })).ok).toBe(true)
  expect(() => small.encode({ b: new Uint8Array(9) })).toThrow(
    expect.objectContaining({ code: 'bad-value' }),
  )
})

test.each([['__proto__'], ['a-b'], [''], ['1a'], ['ä'], ['a'.repeat(65)]])(
  '%j is not a key',
  (name) => {
    expect(() => record('x', 1, 64, Object.fromEntries([[name, field.bool()]]))).toThrow(
      expect.objectContaining({ code: 'bad-schema' }),
    )
  },
)

const leases = fc.record(
  {
    id: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    until: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    cores: fc.nat({ max: 1_000_000 }),
    note: fc.string({ unit: 'grapheme', maxLength: 2 }).filter((text) => utf8Size(text) <= 8),
    shared: fc.boolean(),
    parts: fc.array(fc.record({ at: fc.bigInt({ min: 0n, max: 1000n }) }), { maxLength: 3 }),
    what: fc.oneof(
      fc.record({ type: fc.constant('region' as const), size: fc.bigInt({ min: 0n, max: 99n }) }),
      fc.record({ type: fc.constant('whole' as const) }),
    ),
  },
  { requiredKeys: ['id', 'until', 'cores', 'shared', 'parts', 'what'] },
)

test('every record survives the way there and back', () => {
  fc.assert(
    fc.property(leases, (value) => {
      // fast-check makes objects without a prototype; the codec makes ordinary ones.
      expect(lease.decode(lease.encode(value))).toEqual({ ok: true, value: structuredClone(value) })
    }),
  )
})

test('another CBOR library agrees on every byte', () => {
  fc.assert(
    fc.property(leases, (value) => {
      const { what, ...rest } = value
      const { type, ...fields } = what
      const tree = ['example/lease', 3, { ...rest, what: [type, fields] }]
      expect(toHex(lease.encode(value))).toBe(toHex(cbor(tree, rfc8949EncodeOptions)))
    }),
  )
})

test('whatever bytes come, the answer is a refusal or a record with exactly these bytes', () => {
  const lawful = (bytes: Uint8Array): void => {
    const decoded = lease.decode(bytes)
    if (decoded.ok) expect(lease.encode(decoded.value)).toEqual(bytes)
    else expect(decoded.refusal.code).toMatch(/^[a-z-]+$/)
  }
  const places = fc.tuple(leases, fc.nat(), fc.nat({ max: 7 }))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), lawful))
  fc.assert(fc.property(fc.uint8Array({ minLength: 4097, maxLength: 5000 }), lawful), {
    numRuns: 5,
  })
  fc.assert(
    fc.property(places, ([value, place, bit]) => {
      const bytes = lease.encode(value)
      const flipped = bytes.slice()
      flipped[place % bytes.length]! ^= 1 << bit
      lawful(flipped)
      lawful(concat(bytes, new Uint8Array(1)))
      expect(lease.decode(bytes.subarray(0, place % bytes.length)).ok).toBe(false)
    }),
    { numRuns: 500 },
  )
})

test('deeply nested bytes are refused at the depth of the schema', () => {
  const deep = fromHex(`836d6578616d706c652f6c6561736503${'81'.repeat(4000)}`)
  expect(lease.decode(deep)).toEqual({ ok: false, refusal: { code: 'wrong-type' } })
})

test('a record does not change when the buffer it came from does', () => {
  const bytes = fromHex(GOLDEN)
  const decoded = lease.decode(bytes)
  bytes.fill(0)
  expect(decoded).toEqual({ ok: true, value: sample })
})

function utf8Size(text: string): number {
  return new TextEncoder().encode(text).length
}
