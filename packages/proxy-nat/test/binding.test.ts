import { toHex } from '@hypermesh/crypto'
import {
  bindingCodec,
  BINDING_SIZE_MAX,
  createBindings,
  signBinding,
  verifyBinding,
  verifyEquivocation,
} from '@hypermesh/proxy-nat'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asset, assetId, codeOf, elsewhere, falcon1024, node, owner, stranger } from './world.ts'

const at = { owner, falcon1024, assetId, node, epoch: 5n, notAfter: 99n }
const here = signBinding(at)

test('a binding for known keys has known bytes', () => {
  expect(toHex(here)).toBe(
    '837168797065726d6573682f62696e64696e6701a6646e6f646550fd3d8231922dad7bc97f20019398a96d656173736574' +
      '50fd79e98750134af2b491da11d0a8f5986565706f636805666f726967696ea3656f776e657258208a88e3dd7409f195fd52' +
      'db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c67617373657449645820040404040404040404040404040404040404' +
      '04040404040404040404040404046a66616c636f6e4861736858204d3add4d5b3ec6e54d7195118f3d3547b469db8ee13af7' +
      'aaf859e364fd925474686e6f7441667465721863697369676e617475726558405de7960d3279f90cc1262bbab933e465a4f2' +
      'ef65a86084bbe7e70d2c7398b443071d75bee1da94b88862ed3ee0a1287f9b55a947dbe6852ebd2372fcea168f07',
  )
  expect(verifyBinding(here)).toMatchObject({ ok: true, binding: { asset, node, epoch: 5n } })
})

test('the highest epoch holds, and of one epoch the longest', async () => {
  const bindings = createBindings({ now: () => 10n })
  expect(await bindings.owner(asset)).toBeUndefined()
  expect(bindings.accept(here)).toEqual({ ok: true })
  expect(await bindings.owner(asset)).toEqual({ node, key: owner.publicKey })
  expect(codeOf(bindings.accept(here))).toBe('outdated')
  expect(codeOf(bindings.accept(signBinding({ ...at, notAfter: 98n })))).toBe('outdated')
  expect(codeOf(bindings.accept(signBinding({ ...at, notAfter: 100n })))).toBe('ok')
  expect(codeOf(bindings.accept(signBinding({ ...at, node: elsewhere, epoch: 4n })))).toBe(
    'outdated',
  )
  expect(codeOf(bindings.accept(signBinding({ ...at, node: elsewhere, epoch: 6n })))).toBe('ok')
  expect(await bindings.owner(asset)).toEqual({ node: elsewhere, key: owner.publicKey })
})

test('a binding ends', async () => {
  let now = 98n
  const bindings = createBindings({ now: () => now })
  bindings.accept(here)
  expect(await bindings.owner(asset)).toBeDefined()
  now = 99n
  expect(await bindings.owner(asset)).toBeUndefined()
  expect(codeOf(bindings.accept(here))).toBe('expired')
})

test('strangers’ assets fill a register only until their bindings end', () => {
  let now = 10n
  const bindings = createBindings({ now: () => now, assetsMax: 2 })
  const of = (id: number): Uint8Array =>
    signBinding({ ...at, assetId: new Uint8Array(32).fill(id), notAfter: BigInt(20 + id) })
  expect([1, 2, 3].map((id) => codeOf(bindings.accept(of(id))))).toEqual(['ok', 'ok', 'full'])
  now = 21n
  expect(codeOf(bindings.accept(of(3)))).toBe('ok')
})

test('two places at one epoch convict the owner, and the asset has none until it is moved on', async () => {
  const bindings = createBindings({ now: () => 10n })
  bindings.accept(here)
  const there = signBinding({ ...at, node: elsewhere })
  const outcome = bindings.accept(there)
  const evidence = { first: here, second: there }
  expect(outcome).toEqual({ ok: false, refusal: { code: 'equivocation', evidence } })
  expect(verifyEquivocation(evidence)).toBe(true)
  expect(await bindings.owner(asset)).toBeUndefined()
  // A longer binding of the same epoch does not heal it.
  expect(codeOf(bindings.accept(signBinding({ ...at, notAfter: 100n })))).toBe('ok')
  expect(await bindings.owner(asset)).toBeUndefined()
  bindings.accept(signBinding({ ...at, epoch: 6n }))
  expect(await bindings.owner(asset)).toEqual({ node, key: owner.publicKey })
})

test.each([
  ['the same binding twice', here, here],
  ['a later epoch', here, signBinding({ ...at, node: elsewhere, epoch: 6n })],
  ['the same place for longer', here, signBinding({ ...at, notAfter: 100n })],
  ['another asset', here, signBinding({ ...at, node: elsewhere, assetId: new Uint8Array(32) })],
  ['no binding', here, new Uint8Array(9)],
])('%s convicts nobody', (_, first, second) => {
  expect(verifyEquivocation({ first, second })).toBe(false)
})

test('only the owner’s word counts', () => {
  const decoded = bindingCodec.decode(here)
  const theirs = bindingCodec.decode(signBinding({ ...at, owner: stranger, node: elsewhere }))
  if (!decoded.ok || !theirs.ok) throw new Error('these decode')
  const [ours, cheat] = [decoded.value, theirs.value]
  const shown = (value: typeof ours): string => codeOf(verifyBinding(bindingCodec.encode(value)))
  expect(shown(ours)).toBe('ok')
  expect(shown({ ...cheat, asset })).toBe('forged-address')
  expect(shown({ ...cheat, asset, origin: ours.origin })).toBe('bad-signature')
  expect(shown({ ...ours, node: elsewhere })).toBe('bad-signature')
  expect(shown({ ...ours, epoch: 6n })).toBe('bad-signature')
  expect(shown({ ...ours, notAfter: 100n })).toBe('bad-signature')
  expect(shown({ ...ours, node: asset })).toBe('bad-binding')
})

test('whatever bytes are shown, nothing is believed and nothing breaks', () => {
  const flipped = fc.nat(here.length * 8 - 1).map((bit) => {
    const bytes = here.slice()
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    return bytes
  })
  const cut = fc.nat(here.length - 1).map((length) => here.subarray(0, length))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), flipped, cut), (bytes) => {
      expect(verifyBinding(bytes).ok).toBe(false)
    }),
    { numRuns: 1000 },
  )
  expect(verifyBinding(new Uint8Array(BINDING_SIZE_MAX + 1)).ok).toBe(false)
})

test.each([
  ['wrong-scheme', { owner: { ...owner, scheme: 'ml-dsa-65' as const } }],
  ['wrong-length', { node: asset }],
  ['wrong-length', { assetId: new Uint8Array(31) }],
])('a binding that cannot be is the caller’s mistake: %s', (code, wrong) => {
  expect(() => signBinding({ ...at, ...wrong })).toThrow(expect.objectContaining({ code }))
})
