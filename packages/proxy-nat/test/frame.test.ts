import { fromHex, toHex } from '@hypermesh/crypto'
import {
  CAPABILITY_SIZE_MAX,
  createDecoder,
  type DecodedFrame,
  type Direction,
  encodeFrame,
  type Header,
  HEADER_SIZE,
  OPERATION_SIZE_MAX,
} from '@hypermesh/proxy-nat'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const fields = { status: 'ok', request: 7, handle: 9, generation: 2_097_154, offset: 0 } as const
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const GOLDEN: readonly {
  name: string
  direction: Direction
  frame: Uint8Array
  hex: string
}[] = [
  {
    name: 'READ 4096 bytes from 2^32 + 4096',
    direction: 'request',
    frame: encodeFrame('request', {
      ...fields,
      operation: 'read',
      offset: 2 ** 32 + 4096,
      length: 4096,
    }),
    hex: '0104000000000007000000090000100000000000002000020000000100001000',
  },
  {
    name: 'WRITE "mesh" at 16',
    direction: 'request',
    frame: encodeFrame('request', { ...fields, operation: 'write', offset: 16 }, bytesOf('mesh')),
    hex: '01050000000000070000000900000004000000000020000200000000000000106d657368',
  },
  {
    name: 'ATTACH with three bytes of capability',
    direction: 'request',
    frame: encodeFrame(
      'request',
      { ...fields, operation: 'attach', handle: 0, generation: 0 },
      Uint8Array.of(1, 2, 3),
    ),
    hex: '0101000000000007000000000000000300000000000000000000000000000000010203',
  },
  {
    name: 'the bytes read',
    direction: 'reply',
    frame: encodeFrame('reply', { ...fields, operation: 'read' }, bytesOf('mesh')),
    hex: '01840000000000070000000900000004000000000020000200000000000000006d657368',
  },
  {
    name: 'a write refused as stale',
    direction: 'reply',
    frame: encodeFrame('reply', { ...fields, operation: 'write', status: 'stale' }),
    hex: '0185020000000007000000090000000000000000002000020000000000000000',
  },
  {
    name: 'the notice of a revocation',
    direction: 'reply',
    frame: encodeFrame('reply', { ...fields, operation: 'revoked', request: 0 }),
    hex: '0140000000000000000000090000000000000000002000020000000000000000',
  },
]

test.each(GOLDEN)('$name is $hex', ({ direction, frame, hex }) => {
  expect(toHex(frame)).toBe(hex)
  expect([...createDecoder(direction).feed(frame)].every((decoded) => decoded.ok)).toBe(true)
})

const requests = fc.oneof(
  fc.record({ operation: fc.constant('write' as const), body: fc.uint8Array({ maxLength: 300 }) }),
  fc.record({
    operation: fc.constant('attach' as const),
    body: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  }),
  fc.record({ operation: fc.constantFrom('read' as const, 'stat' as const, 'detach' as const) }),
)

test('frames survive any way a network can cut them', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1 })
  fc.assert(
    fc.property(fc.array(requests, { maxLength: 12 }), cuts, (sent, sizes) => {
      const frames = sent.map(({ operation, ...rest }, at) => {
        const handle = operation === 'attach' ? 0 : 1
        const base = { ...fields, operation, request: at + 1, handle, generation: handle }
        return encodeFrame('request', base, 'body' in rest ? rest.body : undefined)
      })
      const stream = Uint8Array.from(frames.flatMap((frame) => [...frame]))
      const decoder = createDecoder('request')
      const seen: Uint8Array[] = []
      for (let at = 0, turn = 0; at < stream.length; turn++) {
        const size = sizes[turn % sizes.length]!
        for (const decoded of decoder.feed(stream.subarray(at, at + size))) {
          if (!decoded.ok) throw new Error(decoded.refusal.code)
          seen.push(encodeFrame('request', decoded.frame.header, decoded.frame.body))
        }
        at += size
      }
      expect(seen.map(toHex)).toEqual(frames.map(toHex))
      expect(decoder.end()).toBeUndefined()
    }),
  )
})

test('whatever a decoder accepts, it accepts in one encoding', () => {
  fc.assert(
    fc.property(fc.constantFrom<Direction>('request', 'reply'), mutated(), (direction, bytes) => {
      for (const decoded of createDecoder(direction).feed(bytes)) {
        if (!decoded.ok) continue
        const { header, body } = decoded.frame
        const again = encodeFrame(direction, header, body)
        expect(toHex(bytes)).toContain(toHex(again))
      }
    }),
    { numRuns: 1000 },
  )
})

/** Frames of the golden ones with a few bytes changed. */
function mutated(): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(HEADER_SIZE - 1), fc.nat(255))
  return fc
    .tuple(fc.constantFrom(...GOLDEN), fc.array(change, { maxLength: 3 }))
    .map(([{ frame }, changes]) => {
      const bytes = frame.slice()
      for (const [at, byte] of changes) bytes[at] = byte
      return bytes
    })
}

describe('a header is refused before a byte of its body is held', () => {
  const base: Omit<Header, 'length'> = { ...fields, operation: 'write', offset: 0 }
  const reply: Omit<Header, 'length'> = { ...fields, operation: 'write' }

  test.each<[string, Direction, Omit<Header, 'length'> & { length?: number }]>([
    ['too-long', 'request', { ...base, length: OPERATION_SIZE_MAX + 1 }],
    ['too-long', 'request', { ...base, operation: 'read', length: OPERATION_SIZE_MAX + 1 }],
    ['too-long', 'request', { ...base, length: 0xffff_ffff }],
    ['too-long', 'reply', { ...reply, operation: 'read', length: OPERATION_SIZE_MAX + 1 }],
    ['zero-request', 'request', { ...base, request: 0 }],
    ['zero-request', 'reply', { ...reply, request: 0 }],
    ['nonzero-field', 'request', { ...base, status: 'stale' }],
    ['nonzero-field', 'request', { ...base, operation: 'stat', offset: 1 }],
    ['nonzero-field', 'request', { ...base, operation: 'attach', length: 1 }],
    ['nonzero-field', 'request', { ...base, operation: 'attach', handle: 0, length: 1 }],
    ['nonzero-field', 'reply', { ...reply, offset: 1 }],
    ['nonzero-field', 'reply', { ...reply, operation: 'revoked' }],
    ['wrong-body', 'request', { ...base, operation: 'stat', length: 1 }],
    ['wrong-body', 'request', { ...base, operation: 'detach', length: 1 }],
    [
      'wrong-body',
      'request',
      { ...base, operation: 'attach', handle: 0, generation: 0, length: 0 },
    ],
    [
      'wrong-body',
      'request',
      { ...base, operation: 'attach', handle: 0, generation: 0, length: CAPABILITY_SIZE_MAX + 1 },
    ],
    ['wrong-body', 'reply', { ...reply, length: 1 }],
    ['wrong-body', 'reply', { ...reply, operation: 'read', status: 'stale', length: 1 }],
    ['wrong-body', 'reply', { ...reply, status: 'moved', length: 15 }],
    ['wrong-body', 'reply', { ...reply, operation: 'stat', length: 0 }],
    ['wrong-body', 'reply', { ...reply, operation: 'stat', length: 257 }],
    ['wrong-body', 'reply', { ...reply, operation: 'revoked', request: 0, length: 1 }],
    ['unknown-operation', 'request', { ...base, operation: 'revoked', request: 1 }],
  ])('%s: a %s %j', (code, direction, header) => {
    let asked = 0
    const decoder = createDecoder(direction, () => {
      asked += 1
      return undefined
    })
    const outcome = [...decoder.feed(encodeFrame(direction, header))]
    expect(outcome).toEqual([{ ok: false, refusal: { code } }])
    expect(asked).toBe(0)
  })

  test.each<[string, string]>([
    ['wrong-version', '02'],
    ['unknown-operation', '0100'],
    ['unknown-operation', '0106'],
    ['unknown-operation', '0184'],
    ['unknown-status', '0104ff'],
    ['nonzero-field', '01040001'],
    ['out-of-range', '0104000000000007000000090000100000200000'],
    ['out-of-range', '010400000000000700000009000010000000000000000000ffffffff'],
  ])('%s: %s...', (code, start) => {
    const bytes = fromHex(start.padEnd(HEADER_SIZE * 2, '0'))
    expect(firstOf(createDecoder('request').feed(bytes))).toEqual({ ok: false, refusal: { code } })
  })
})

test('a refusal is final', () => {
  const decoder = createDecoder('request')
  expect(firstOf(decoder.feed(new Uint8Array(HEADER_SIZE)))?.ok).toBe(false)
  const good = encodeFrame('request', { ...fields, operation: 'stat' })
  expect(firstOf(decoder.feed(good))?.ok).toBe(false)
  expect(decoder.end()).toBe('wrong-version')
})

test('a stream that ends inside a frame is cut short', () => {
  const frame = encodeFrame('request', { ...fields, operation: 'write' }, bytesOf('mesh'))
  for (let length = 1; length < frame.length; length++) {
    const decoder = createDecoder('request')
    expect([...decoder.feed(frame.subarray(0, length))]).toEqual([])
    expect(decoder.end()).toBe('cut-short')
  }
})

function firstOf(decoded: Iterable<DecodedFrame>): DecodedFrame | undefined {
  for (const one of decoded) return one
  return undefined
}
