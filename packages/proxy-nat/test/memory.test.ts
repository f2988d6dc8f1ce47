import { equal } from '@hypermesh/crypto'
import { narrow, OPERATION_SIZE_MAX, serveMemory, TRANSFER_SIZE_MAX } from '@hypermesh/proxy-nat'
import { simulatedTrust } from '@hypermesh/proxy-nat/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asset, codeOf, createWorld, elsewhere, holder, node, stranger } from './world.ts'

const MIB = 1_048_576
const pattern = (length: number, seed = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + seed) & 0xff)

test('what one node writes is in the other’s memory, and comes back', async () => {
  const world = createWorld()
  await using region = await world.region()
  expect(await region.write(100, Uint8Array.of(1, 2, 3))).toEqual({ ok: true })
  expect(world.memory.subarray(99, 104)).toEqual(Uint8Array.of(0, 1, 2, 3, 0))
  world.memory[101] = 9
  expect(await region.read(100, 3)).toEqual({ ok: true, bytes: Uint8Array.of(1, 9, 3) })
})

test('offsets count from the pointer', async () => {
  const world = createWorld()
  const pointer = { address: asset, region: 0, offset: 1000, length: 10 }
  await using region = await world.region({ pointer })
  expect(region.length).toBe(10)
  await region.write(0, Uint8Array.of(5))
  expect(world.memory[1000]).toBe(5)
  expect(codeOf(await region.read(0, 10))).toBe('ok')
  expect(codeOf(await region.read(0, 11))).toBe('out-of-range')
  expect(codeOf(await region.write(10, Uint8Array.of(1)))).toBe('out-of-range')
  expect(world.memory[1010]).toBe(0)
})

test.each([0, 1, OPERATION_SIZE_MAX - 1, OPERATION_SIZE_MAX, OPERATION_SIZE_MAX + 1, 5 * MIB + 7])(
  '%i bytes go there and back in one call, however the stream cuts them',
  async (length) => {
    const world = createWorld({ size: 6 * MIB, chunkMax: 100_000 })
    await using region = await world.region()
    const sent = pattern(length)
    expect(codeOf(await region.write(11, sent))).toBe('ok')
    const back = await region.read(11, length)
    if (!back.ok) throw new Error(back.refusal.code)
    expect(equal(back.bytes, sent)).toBe(true)
    expect(world.memory[11 + length]).toBe(0)
  },
)

test('however reads and writes are mixed and not waited for, each sees the memory in the order of the calls', async () => {
  const size = 256
  const place = fc.tuple(fc.nat(size), fc.nat(size)).map(([a, b]) => ({
    offset: Math.min(a, b),
    length: Math.abs(a - b),
  }))
  const act = fc.record({ place, write: fc.option(fc.nat(255)) })
  const property = fc.asyncProperty(
    fc.array(act, { maxLength: 200 }),
    fc.integer({ min: 1, max: 300 }),
    fc.nat(),
    async (acts, chunkMax, seed) => {
      const world = createWorld({ size, chunkMax, seed })
      await using region = await world.region()
      const model = new Uint8Array(size)
      const outcomes = acts.map(({ place: { offset, length }, write }) => {
        if (write !== null) {
          model.fill(write, offset, offset + length)
          return {
            expected: undefined,
            got: region.write(offset, new Uint8Array(length).fill(write)),
          }
        }
        return { expected: model.slice(offset, offset + length), got: region.read(offset, length) }
      })
      for (const { expected, got } of outcomes) {
        const outcome = await got
        expect(outcome).toEqual(expected ? { ok: true, bytes: expected } : { ok: true })
      }
      expect(world.memory).toEqual(model)
    },
  )
  await fc.assert(property, { numRuns: 50 })
})

test('no reader sees half of another’s write, and none goes back in time', async () => {
  // Each writer fills its cells with one growing number; a torn read would show two.
  const cell = 1024
  const property = fc.asyncProperty(
    fc.nat(),
    fc.integer({ min: 1, max: 2000 }),
    async (seed, chunkMax) => {
      const world = createWorld({ size: cell, chunkMax, seed })
      const writer = await world.region()
      const readers = await Promise.all([world.region(), world.region(), world.region()])
      const writing = (async () => {
        for (let value = 1; value <= 20; value++) {
          expect(codeOf(await writer.write(0, new Uint8Array(cell).fill(value)))).toBe('ok')
        }
      })()
      const reading = readers.map(async (reader) => {
        let last = 0
        for (let turn = 0; turn < 20; turn++) {
          const read = await reader.read(0, cell)
          if (!read.ok) throw new Error(read.refusal.code)
          expect(new Set(read.bytes).size).toBe(1)
          expect(read.bytes[0]).toBeGreaterThanOrEqual(last)
          last = read.bytes[0]!
        }
      })
      await Promise.all([writing, ...reading])
      await Promise.all([writer, ...readers].map(async (region) => region[Symbol.asyncDispose]()))
    },
  )
  await fc.assert(property, { numRuns: 10 })
})

describe('attaching is refused on this side already', () => {
  const nobody = { open: async () => Promise.reject(new Error('nobody may be asked')) }

  test.each([
    ['wrong-audience', { holder: stranger }],
    ['out-of-range', { pointer: { address: asset, region: 0, offset: 4000, length: 97 } }],
    ['out-of-range', { pointer: { address: asset, region: 1, offset: 0, length: 1 } }],
    ['out-of-range', { pointer: { address: node, region: 0, offset: 0, length: 1 } }],
    ['bad-capability', { capability: new Uint8Array(3) }],
    ['not-the-owner', { trust: simulatedTrust(1000n) }],
    ['expired', { trust: simulatedTrust(61_000n) }],
  ])('as %s', async (code, options) => {
    const world = createWorld()
    expect(codeOf(await world.attach({ links: nobody, ...options }))).toBe(code)
  })

  test('for bytes before the granted ones', async () => {
    const world = createWorld()
    const capability = world.permit({ offset: 100, length: 100 })
    const pointer = { address: asset, region: 0, offset: 99, length: 10 }
    expect(codeOf(await world.attach({ links: nobody, capability, pointer }))).toBe('out-of-range')
  })

  test('when the mesh names another owner than the capability does', async () => {
    const world = createWorld()
    world.trust.own(asset, { node, key: stranger.publicKey })
    expect(codeOf(await world.attach({ links: nobody }))).toBe('not-the-owner')
  })
})

test('a node that cannot be reached is a result that says why', async () => {
  const world = createWorld()
  world.mesh.remove(node)
  expect(await world.attach()).toMatchObject({
    ok: false,
    refusal: { code: 'unreachable', reason: expect.stringContaining('no node') },
  })
})

test('a holder is sent after an asset that moved', async () => {
  const world = createWorld()
  const capability = world.permit()
  const region = await world.region({ capability })
  world.table.move(asset, elsewhere)
  const moved = { ok: false, refusal: { code: 'moved', node: elsewhere } }
  expect(await region.read(0, 1)).toEqual(moved)
  expect(await world.attach({ capability })).toEqual(moved)
})

test('a part of a capability opens for whom it was handed to', async () => {
  const world = createWorld()
  const capability = narrow({
    capability: world.permit(),
    holder,
    audience: stranger.publicKey,
    rights: ['attach', 'read'],
    offset: 8,
    length: 8,
    notBefore: 1000n,
    notAfter: 2000n,
  })
  const pointer = { address: asset, region: 0, offset: 8, length: 8 }
  const links = world.mesh.of(stranger.publicKey)
  await using region = await world.region({ capability, pointer, holder: stranger, links })
  expect(codeOf(await region.read(0, 8))).toBe('ok')
  expect(codeOf(await region.write(0, new Uint8Array(1)))).toBe('no-right')
})

test('a revocation ends attachments at once, and says so without being asked', async () => {
  const world = createWorld()
  const capability = world.permit()
  const region = await world.region({ capability })
  world.table.revoke(asset, 0)
  await region.revoked
  expect(codeOf(await region.read(0, 1))).toBe('stale')
  expect(codeOf(await world.attach({ capability }))).toBe('stale')
  expect(codeOf(await world.attach({ capability: world.permit() }))).toBe('ok')
})

test('the other node says what an attachment is and did', async () => {
  const world = createWorld()
  await using region = await world.region()
  await region.write(0, new Uint8Array(5))
  await region.read(0, 3)
  expect(await region.stat()).toEqual({
    ok: true,
    stat: {
      offset: 0,
      length: 4096,
      rights: 7,
      notAfter: 61_000n,
      reads: 1,
      writes: 1,
      bytesRead: 3,
      bytesWritten: 5,
    },
  })
})

describe('ends', () => {
  test('a disposed region ends its stream cleanly and is used no more', async () => {
    const world = createWorld()
    const served: unknown[] = []
    world.mesh.listen(node, async (stream, peer) => {
      served.push(await serveMemory({ self: node, ...world, stream, peer }))
    })
    const region = await world.region()
    await region[Symbol.asyncDispose]()
    await region[Symbol.asyncDispose]()
    await region.revoked
    expect(served).toEqual([{ ended: 'end', answered: 2 }])
    const closed = expect.objectContaining({ code: 'closed' })
    await expect(region.read(0, 1)).rejects.toThrow(closed)
    await expect(region.write(0, new Uint8Array(1))).rejects.toThrow(closed)
    await expect(region.stat()).rejects.toThrow(closed)
  })

  test('a node that dies fails what waits, and everything after', async () => {
    const world = createWorld({ size: 8 * MIB })
    let die = (): void => {}
    world.mesh.listen(node, async (stream, peer) => {
      die = () => stream.reset()
      await serveMemory({ self: node, ...world, stream, peer })
    })
    const region = await world.region()
    const waiting = region.read(0, 8 * MIB)
    die()
    expect(codeOf(await waiting)).toBe('disconnected')
    expect(codeOf(await region.read(0, 1))).toBe('disconnected')
    await region[Symbol.asyncDispose]()
  })

  test('who gives up attaching gets his reason back, and the stream ends', async () => {
    const world = createWorld()
    const isReset = Promise.withResolvers<void>()
    world.mesh.listen(node, async (stream) => {
      // Takes everything and never answers.
      try {
        while ((await stream.read()) !== null);
      } catch {
        isReset.resolve()
      }
    })
    const giveUp = new AbortController()
    const attaching = world.attach({ signal: giveUp.signal })
    setImmediate(() => giveUp.abort(new Error('enough')))
    await expect(attaching).rejects.toThrow('enough')
    await isReset.promise
    await expect(world.attach({ signal: giveUp.signal })).rejects.toThrow('enough')
  })

  test('a node that is told to stop serving stops', async () => {
    const world = createWorld()
    const stop = new AbortController()
    const serving = Promise.withResolvers<unknown>()
    world.mesh.listen(node, async (stream, peer) => {
      const options = { self: node, ...world, stream, peer, signal: stop.signal }
      serving.resolve(await serveMemory(options))
    })
    const region = await world.region()
    stop.abort()
    expect(await serving.promise).toEqual({ ended: 'aborted', answered: 1 })
    expect(codeOf(await region.read(0, 1))).toBe('disconnected')
  })

  test('who is told to stop before it began serves nobody', async () => {
    const world = createWorld()
    const serving = Promise.withResolvers<unknown>()
    world.mesh.listen(node, async (stream, peer) => {
      const options = { self: node, ...world, stream, peer, signal: AbortSignal.abort() }
      serving.resolve(await serveMemory(options))
    })
    expect(codeOf(await world.attach())).toBe('disconnected')
    expect(await serving.promise).toEqual({ ended: 'aborted', answered: 0 })
  })
})

test.each([
  ['out-of-range', -1, 1],
  ['out-of-range', 0.5, 1],
  ['out-of-range', 0, Number.NaN],
  ['too-long', 0, TRANSFER_SIZE_MAX + 1],
])(
  'a read that no region could answer is the caller’s mistake: %s',
  async (code, offset, length) => {
    const world = createWorld()
    await using region = await world.region()
    await expect(region.read(offset, length)).rejects.toThrow(expect.objectContaining({ code }))
  },
)

test('a pointer that is no place is the caller’s mistake', async () => {
  const pointer = { address: asset, region: 0, offset: -1, length: 1 }
  await expect(createWorld().attach({ pointer })).rejects.toThrow(
    expect.objectContaining({ code: 'out-of-range' }),
  )
})
