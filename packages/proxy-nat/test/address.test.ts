import { isIPv6 } from 'node:net'
import { fromHex, toHex } from '@hypermesh/crypto'
import {
  type AddressKind,
  assetAddress,
  ephemeralAddress,
  formatAddress,
  formatChecked,
  kindOf,
  nodeAddress,
  parseAddress,
  serviceAddress,
} from '@hypermesh/proxy-nat'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asset, assetId, falcon1024, holder, node, owner } from './world.ts'

const GOLDEN: readonly { kind: AddressKind; bytes: Uint8Array; hex: string; checked: string }[] = [
  {
    kind: 'node',
    bytes: node,
    hex: 'fd3d8231922dad7bc97f20019398a96d',
    checked: 'hm1l57cyvvj9kkhhjtlyqqe8x9fd5cgxsg7',
  },
  {
    kind: 'asset',
    bytes: asset,
    hex: 'fd79e98750134af2b491da11d0a8f598',
    checked: 'hm1l4u7np6szd909dy3mggap284nqz94hyp',
  },
  {
    kind: 'service',
    bytes: serviceAddress(holder.publicKey),
    hex: 'fd88b3d6920a9043f6e861ee312128ab',
    checked: 'hm1lkyt845jp2gy8ahgv8hrzgfg4vxqh7qx',
  },
  {
    kind: 'ephemeral',
    bytes: ephemeralAddress(holder.publicKey),
    hex: 'fdcd7751acd47a30c0685d526eb84c2b',
    checked: 'hm1lhxhw5dv63arpsrgt4fxawzv9vx7axjh',
  },
]

test.each(GOLDEN)('the $kind address of known keys is $hex', ({ kind, bytes, hex, checked }) => {
  expect(toHex(bytes)).toBe(hex)
  expect(kindOf(bytes)).toBe(kind)
  expect(formatChecked(bytes)).toBe(checked)
})

test('one bit of a key or an id makes another address', () => {
  const flipped = owner.publicKey.slice()
  flipped[31]! ^= 1
  expect(nodeAddress({ ed25519: flipped, falcon1024 })).not.toEqual(node)
  const otherFalcon = falcon1024.slice()
  otherFalcon[1792]! ^= 1
  const otherNode = nodeAddress({ ed25519: owner.publicKey, falcon1024: otherFalcon })
  expect(otherNode).not.toEqual(node)
  expect(assetAddress(otherNode, assetId)).not.toEqual(asset)
})

test.each([
  ['a short key', () => nodeAddress({ ed25519: new Uint8Array(31), falcon1024 })],
  [
    'a short FALCON key',
    () => nodeAddress({ ed25519: owner.publicKey, falcon1024: new Uint8Array(1792) }),
  ],
  ['an owner that is an asset', () => assetAddress(asset, assetId)],
  ['a long id', () => assetAddress(node, new Uint8Array(33))],
  ['an address of other bytes', () => formatAddress(new Uint8Array(16))],
])('%s is the caller’s mistake', (_, derive) => {
  expect(derive).toThrow(expect.objectContaining({ code: 'wrong-length' }))
})

const anyAddress = fc
  .uint8Array({ minLength: 15, maxLength: 15 })
  .map((rest) => Uint8Array.of(0xfd, ...rest))
// Long runs of zeros are rare in random bytes, and all that is difficult about the text.
const sparseAddress = fc
  .array(fc.constantFrom(0, 0, 0, 1, 0xab), { minLength: 15, maxLength: 15 })
  .map((rest) => Uint8Array.of(0xfd, ...rest))

test('the text is the one that URL writes, IPv6 to node:net, and reads back as the same address', () => {
  fc.assert(
    fc.property(fc.oneof(anyAddress, sparseAddress), (address) => {
      const text = formatAddress(address)
      expect(isIPv6(text)).toBe(true)
      expect(new URL(`http://[${text}]`).hostname).toBe(`[${text}]`)
      expect(parseAddress(text)).toEqual(address)
    }),
  )
})

test.each([
  ['fd00:0:0:0:0:0:0:1', 'fd000000000000000000000000000001'],
  ['FD00::A:B', 'fd0000000000000000000000000a000b'],
  ['fd00::1:2:3:4:5:6', 'fd000000000100020003000400050006'],
  ['fd12:3456::', 'fd123456000000000000000000000000'],
  ['fd00::192.0.2.33', 'fd0000000000000000000000c0000221'],
])('%s is read as RFC 4291 says', (text, hex) => {
  expect(parseAddress(text)).toEqual(fromHex(hex))
})

test.each([
  '',
  'fe80::1',
  '2001:db8::1',
  'fc00::1',
  'fd00::1%eth0',
  'fd00:::1',
  'fd00::1::2',
  '[fd00::1]',
  ' fd00::1',
  'fd00:0:0:0:0:0:0:0:1',
  '10.0.0.1',
  'hm1',
  'hm1qqqqqq',
])('%j is no mesh address', (text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test('hm1 text survives the trip in one case, and in no mix of cases', () => {
  fc.assert(
    fc.property(anyAddress, (address) => {
      const text = formatChecked(address)
      expect(parseAddress(text)).toEqual(address)
      expect(parseAddress(text.toUpperCase())).toEqual(address)
      expect(parseAddress(`H${text.slice(1)}`)).toBeUndefined()
    }),
  )
})

test('up to four wrong characters are noticed', () => {
  const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
  const places = fc.uniqueArray(fc.tuple(fc.nat(31), fc.integer({ min: 1, max: 31 })), {
    minLength: 1,
    maxLength: 4,
    selector: ([place]) => place,
  })
  fc.assert(
    fc.property(anyAddress, places, (address, changes) => {
      const letters = formatChecked(address).split('')
      for (const [place, by] of changes) {
        const letter = alphabet.indexOf(letters[3 + place]!)
        letters[3 + place] = alphabet[(letter + by) % 32]!
      }
      expect(parseAddress(letters.join(''))).toBeUndefined()
    }),
  )
})

test.each([
  ['a 1 in the two padding bits', 'hm1l57cyvvj9kkhhjtlyqqe8x9fd497j94v'],
  ['a group too many', 'hm1l57cyvvj9kkhhjtlyqqe8x9fd5qdz775k'],
  ['the checksum of BIP-173, which misses inserted letters', 'hm1l57cyvvj9kkhhjtlyqqe8x9fd5d5kudu'],
])('a second text of the same bytes is refused: %s', (_, text) => {
  expect(parseAddress(text)).toBeUndefined()
})

test('no text makes the reader throw, and what it reads is in fd00::/8', () => {
  const pieces = fc.constantFrom('fd', '::', ':', '0', 'ffff', '1.2.3.4', 'hm1', 'q', '%', '\u0000')
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(texts, (text) => {
      const address = parseAddress(text)
      expect(address === undefined || kindOf(address) !== undefined).toBe(true)
    }),
  )
})
