import { createTranslation } from '@hypermesh/proxy-nat'
import { describe, expect, test } from 'vitest'
import { asset, codeOf, createWorld, elsewhere, node } from './world.ts'

const place = { address: asset, region: 0, offset: 16, length: 32 }

test('a pointer leads to the memory itself', () => {
  const { memory, table } = createWorld()
  const translated = table.translate(place)
  if (!translated.ok) throw new Error(translated.refusal.code)
  translated.bytes[0] = 42
  expect(memory[16]).toBe(42)
  expect(translated.bytes.length).toBe(32)
  expect(translated.generation).toBe(table.generation(asset, 0))
})

test.each([
  ['unknown-region', { ...place, region: 1 }],
  ['unknown-region', { ...place, address: node }],
  ['out-of-range', { ...place, offset: 4065 }],
  ['out-of-range', { ...place, offset: -1 }],
  ['out-of-range', { ...place, length: -1 }],
])('it is %s for %j', (code, pointer) => {
  expect(codeOf(createWorld().table.translate(pointer))).toBe(code)
})

test('memory that was given back is not touched again', () => {
  const { table, regions } = createWorld()
  expect(codeOf(table.translate(place))).toBe('ok')
  regions.reclaim(asset, 0)
  expect(codeOf(table.translate(place))).toBe('unknown-region')
  expect(table.explain(asset, 0)).toMatchObject({ state: 'gone', length: undefined })
})

describe('a generation is never used twice', () => {
  test('a revocation makes a new one, and so does lending anew', () => {
    const { table, regions } = createWorld()
    const seen = [table.generation(asset, 0)]
    for (let turn = 0; turn < 3; turn++) {
      table.revoke(asset, 0)
      seen.push(table.generation(asset, 0))
      regions.lend(asset, 0, new Uint8Array(8))
      seen.push(table.generation(asset, 0))
    }
    expect(new Set(seen).size).toBe(7)
    expect(seen).toEqual(seen.toSorted((a, b) => a! - b!))
  })

  test('a revocation right after lending anew is of the new lending', () => {
    const { table, regions } = createWorld()
    table.generation(asset, 0)
    regions.lend(asset, 0, new Uint8Array(8))
    const fresh = createTranslation({ regions }).generation(asset, 0)
    table.revoke(asset, 0)
    expect(table.generation(asset, 0)).not.toBe(fresh)
  })

  test('whoever revokes too often is left without memory, not with an old generation', () => {
    const found = { bytes: new Uint8Array(64), generation: 1 }
    const table = createTranslation({ regions: { region: () => found } })
    const before = table.generation(asset, 0)!
    for (let turn = 0; turn < 2 ** 21; turn++) table.revoke(asset, 0)
    expect(table.generation(asset, 0)).toBeLessThan(before + 2 ** 21)
    expect(codeOf(table.translate(place))).toBe('unknown-region')
  })

  test('a lending without a number is the port’s mistake', () => {
    const bytes = new Uint8Array(8)
    for (const generation of [-1, 0.5, 2 ** 32, Number.NaN]) {
      const table = createTranslation({ regions: { region: () => ({ bytes, generation }) } })
      expect(() => table.generation(asset, 0)).toThrow(
        expect.objectContaining({ code: 'out-of-range' }),
      )
    }
  })
})

test('revoking an asset revokes all its regions in use, and no other’s', () => {
  const { table, regions } = createWorld()
  regions.lend(asset, 1, new Uint8Array(8))
  regions.lend(elsewhere, 0, new Uint8Array(8))
  const before = [0, 1].map((region) => table.generation(asset, region))
  const other = table.generation(elsewhere, 0)
  const heard: number[] = []
  const stop = table.follow(({ region }) => heard.push(region))
  expect(table.revoke(asset)).toBe(2)
  stop()
  table.revoke(asset, 0)
  expect(heard).toEqual([0, 1])
  expect(table.generation(asset, 0)).toBeGreaterThan(before[0]!)
  expect(table.generation(asset, 1)).toBeGreaterThan(before[1]!)
  expect(table.generation(elsewhere, 0)).toBe(other)
})

test('an asset that moved says where, until it is back', () => {
  const { table } = createWorld()
  const before = table.generation(asset, 0)!
  table.move(asset, elsewhere)
  expect(table.translate(place)).toEqual({ ok: false, refusal: { code: 'moved', node: elsewhere } })
  expect(table.explain(asset, 0)).toMatchObject({ state: 'moved' })
  table.move(asset, undefined)
  expect(codeOf(table.translate(place))).toBe('ok')
  expect(table.generation(asset, 0)).toBeGreaterThan(before)
  expect(() => table.move(asset, asset)).toThrow(expect.objectContaining({ code: 'wrong-length' }))
})

test('an explanation says what is there and what was done', async () => {
  const world = createWorld()
  expect(world.table.explain(asset, 7)).toMatchObject({ state: 'unknown', length: undefined })
  await using region = await world.region()
  await region.write(0, new Uint8Array(100))
  await region.read(0, 10)
  await region.read(0, 20)
  world.table.revoke(asset, 0)
  await region.read(0, 20)
  expect(world.table.explain(asset, 0)).toEqual({
    address: 'fd79:e987:5013:4af2:b491:da11:d0a8:f598',
    kind: 'asset',
    region: 0,
    state: 'active',
    generation: 2_097_153,
    length: 4096,
    attached: 1,
    reads: 2,
    writes: 1,
    bytesRead: 30,
    bytesWritten: 100,
    refused: 1,
    because: "4096 bytes of this node's memory answer, generation 2097153",
  })
  world.table.drain(asset, 0)
  expect(world.table.explain(asset, 0).state).toBe('draining')
  expect(() => world.table.drain(elsewhere, 0)).toThrow(
    expect.objectContaining({ code: 'out-of-range' }),
  )
})

test('entries of memory that is gone make room for new ones', () => {
  const found = { bytes: new Uint8Array(0), generation: 1 }
  let lent = 0
  const regions = { region: (_: unknown, region: number) => (region === lent ? found : undefined) }
  const table = createTranslation({ regions })
  // One more than a table holds.
  for (lent = 0; lent <= 65_536; lent++) expect(table.entry(asset, lent)?.region).toBe(lent)
})

test('a table whose entries are all in use takes no more', () => {
  const found = { bytes: new Uint8Array(0), generation: 1 }
  const table = createTranslation({ regions: { region: () => found } })
  for (let region = 0; region < 65_536; region++) table.entry(asset, region)
  expect(table.entry(asset, 65_536)).toBeUndefined()
  expect(table.entry(asset, 0)).toBeDefined()
})
