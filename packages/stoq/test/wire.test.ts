import fc from 'fast-check'
import { expect, test } from 'vitest'

import { fromHex, signingKeyFromSeed, toHex } from '@hypermesh/crypto'
import {
  CREDENTIAL_SIZE_MAX,
  checkHello,
  decodeControl,
  decodeFrame,
  encodeClose,
  encodeFrame,
  encodeReset,
  frameType,
  helloCodec,
  keyOfMultiaddr,
  keyOfPeerId,
  refusalCodec,
} from '@hypermesh/stoq'

const from = new Uint8Array(32).fill(0xaa)
const to = new Uint8Array(32).fill(0xbb)
const instance = new Uint8Array(16).fill(0xcc)
const hello = helloCodec.encode({ from, to, instance, credential: Uint8Array.of(1, 2, 3) })
const check = (bytes: Uint8Array) => checkHello(bytes, { self: to, remote: from })

test('the bytes of every frame are these', () => {
  const name = new TextEncoder().encode('test/echo')
  expect(toHex(encodeFrame(frameType.open, name))).toBe('0400000009746573742f6563686f')
  expect(toHex(encodeFrame(frameType.admit))).toBe('0200000000')
  expect(toHex(encodeFrame(frameType.reset, encodeReset({ mine: true, id: 258 })))).toBe(
    '05000000050100000102',
  )
  expect(toHex(encodeFrame(frameType.close, encodeClose('not-authenticated')))).toBe('060000000103')
  expect(toHex(encodeFrame(frameType.hello, Uint8Array.of(1)))).toBe('010000000101')
  expect(toHex(encodeFrame(frameType.refuse, Uint8Array.of(1)))).toBe('030000000101')
})

test('the bytes of a hello and of a refusal are these', () => {
  expect(toHex(hello)).toMatchInlineSnapshot(
    `"836a73746f712f68656c6c6f01a462746f5820bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb6466726f6d5820aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa68696e7374616e636550cccccccccccccccccccccccccccccccc6a63726564656e7469616c43010203"`,
  )
  const refusal = refusalCodec.encode({ code: 'busy', reason: 'later' })
  expect(toHex(refusal)).toMatchInlineSnapshot(
    `"836c73746f712f7265667573616c01a264636f6465646275737966726561736f6e656c61746572"`,
  )
})

test('a peer id is the key it names', () => {
  // The Ed25519 key of the libp2p peer-ids specification, "Test vectors".
  const seed = fromHex('7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d')
  const { publicKey } = signingKeyFromSeed('ed25519', seed)
  expect(toHex(publicKey)).toBe('1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e')
  const id = '12D3KooWBtg3aaRMjxwedh83aGiUkwSxDwUZkzuJcfaqUmo7R3pq'
  expect(keyOfPeerId(id)).toEqual(publicKey)
  expect(keyOfMultiaddr(`/ip6/::1/udp/9/quic-v1/p2p/${id}`)).toEqual(publicKey)
  expect(keyOfMultiaddr('/ip6/::1/udp/9/quic-v1')).toBe(undefined)
})

test('no text but the id of an Ed25519 key is a key', () => {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  const digits = fc.array(fc.constantFrom(...alphabet.split('')), { maxLength: 200 })
  const texts = fc.oneof(
    fc.string({ maxLength: 200 }),
    digits.map((all) => all.join('')),
    digits.map((all) => `12D3KooW${all.join('')}`),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const key = keyOfPeerId(text)
      return key === undefined || key.length === 32
    }),
  )
  for (const text of ['', '1', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N', '1'.repeat(1e6)]) {
    expect(keyOfPeerId(text)).toBe(undefined)
  }
})

test('every frame comes back, and no start of it does', () => {
  const frames = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 64 }).map((p) => [frameType.open, p] as const),
    fc.uint8Array({ minLength: 1, maxLength: 900 }).map((p) => [frameType.hello, p] as const),
    fc.constant([frameType.admit, new Uint8Array(0)] as const),
  )
  fc.assert(
    fc.property(frames, fc.nat(), fc.uint8Array(), ([type, payload], at, after) => {
      const bytes = encodeFrame(type, payload)
      const cut = bytes.subarray(0, at % bytes.length)
      expect(decodeFrame(cut)).toEqual({ ok: false, refusal: { code: 'incomplete' } })
      const decoded = decodeFrame(Uint8Array.of(...bytes, ...after))
      expect(decoded).toEqual({ ok: true, frame: { type, payload }, size: bytes.length })
    }),
  )
})

test('of random bytes a frame is read, or refused by its head, or more is asked for', () => {
  const typed = fc.tuple(fc.integer({ min: 0, max: 8 }), fc.uint8Array({ maxLength: 80 }))
  fc.assert(
    fc.property(typed, ([type, rest]) => {
      const decoded = decodeFrame(Uint8Array.of(type, ...rest))
      if (decoded.ok) return decoded.size <= rest.length + 1
      return ['incomplete', 'unknown-type', 'wrong-length'].includes(decoded.refusal.code)
    }),
  )
})

test.each([
  { head: '0100010101', announces: 'a hello one byte longer than any' },
  { head: '01ffffffff', announces: 'a hello of 4 GiB' },
  { head: '0200000001', announces: 'an admit with a payload' },
  { head: '0400000041', announces: 'a protocol name of 65 bytes' },
  { head: '0400000000', announces: 'a protocol without a name' },
  { head: '0500000004', announces: 'a reset that is cut' },
])('the head alone refuses $announces', ({ head }) => {
  expect(decodeFrame(fromHex(head))).toEqual({ ok: false, refusal: { code: 'wrong-length' } })
})

test('a frame is not made with a payload its type does not have', () => {
  expect(() => encodeFrame(frameType.open, new Uint8Array(65))).toThrow('65')
  expect(() => encodeFrame(frameType.admit, new Uint8Array(1))).toThrow('1')
})

test('a hello is taken from the key that proved itself and for the key it names, only', () => {
  expect(check(hello)).toMatchObject({ ok: true, hello: { from, to, instance } })
  const other = new Uint8Array(32)
  for (const keys of [
    { self: to, remote: other },
    { self: other, remote: from },
  ]) {
    expect(checkHello(hello, keys)).toMatchObject({ ok: false, refusal: { code: 'wrong-key' } })
  }
})

test('a hello that is cut, lengthened or random is refused with a code', () => {
  const bytes = fc.oneof(
    fc.nat(hello.length - 1).map((at) => hello.subarray(0, at)),
    fc.uint8Array({ minLength: 1, maxLength: 20 }).map((tail) => Uint8Array.of(...hello, ...tail)),
    fc.uint8Array({ maxLength: 400 }),
  )
  fc.assert(
    fc.property(bytes, (bytes) => {
      expect(check(bytes)).toMatchObject({ ok: false, refusal: { code: 'malformed' } })
    }),
  )
  const long = new Uint8Array(CREDENTIAL_SIZE_MAX * 2)
  expect(check(long)).toMatchObject({ ok: false, refusal: { code: 'malformed' } })
})

test('a hello with a flipped bit keeps its keys, or is refused', () => {
  fc.assert(
    fc.property(fc.nat(hello.length * 8 - 1), (bit) => {
      const bytes = hello.slice()
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      const checked = check(bytes)
      if (!checked.ok) expect(['malformed', 'wrong-key']).toContain(checked.refusal.code)
      else expect(checked.hello).toMatchObject({ from, to })
    }),
  )
})

test('what a control lane says comes back, and all else is nothing', () => {
  const ids = fc.integer({ min: 0, max: 0xffff_ffff })
  fc.assert(
    fc.property(fc.boolean(), ids, (mine, id) => {
      const frame = { type: frameType.reset, payload: encodeReset({ mine, id }) }
      expect(decodeControl(frame)).toEqual({ type: 'reset', mine, id })
    }),
  )
  for (const reason of [
    'closing',
    'replaced',
    'duplicate',
    'not-authenticated',
    'malformed',
  ] as const) {
    const frame = { type: frameType.close, payload: encodeClose(reason) }
    expect(decodeControl(frame)).toEqual({ type: 'close', reason })
  }
  const anything = fc.record({
    type: fc.constantFrom(...Object.values(frameType)),
    payload: fc
      .array(fc.integer({ min: 0, max: 6 }), { maxLength: 8 })
      .map((all) => Uint8Array.from(all)),
  })
  fc.assert(
    fc.property(anything, (frame) => {
      const said = decodeControl(frame)
      return said === undefined || said.type === 'close' || said.type === 'reset'
    }),
  )
  expect(decodeControl({ type: frameType.close, payload: Uint8Array.of(5) })).toBe(undefined)
  expect(decodeControl({ type: frameType.close, payload: new Uint8Array(0) })).toBe(undefined)
  expect(decodeControl({ type: frameType.admit, payload: new Uint8Array(0) })).toBe(undefined)
})
