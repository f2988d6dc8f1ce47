import {
  type ByteStream,
  createDecoder,
  encodeFrame,
  type Frame,
  type Header,
  OPERATION_SIZE_MAX,
  type RemoteRegion,
  serveMemory,
} from '@hypermesh/proxy-nat'
import { streamPair } from '@hypermesh/proxy-nat/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asset, codeOf, createWorld, holder, node } from './world.ts'

const fields = { status: 'ok', request: 1, handle: 0, generation: 0, offset: 0 } as const

describe('the owner’s node against its holders', () => {
  const capability = createWorld().permit()
  const frame = fc
    .record({
      operation: fc.constantFrom<Header['operation']>('attach', 'detach', 'stat', 'read', 'write'),
      request: fc.nat(3),
      handle: fc.nat(2),
      generation: fc.constantFrom(0, 2_097_152),
      offset: fc.constantFrom(0, 1, 4095, 4096, Number.MAX_SAFE_INTEGER),
      length: fc.constantFrom(0, 1, 100, OPERATION_SIZE_MAX, OPERATION_SIZE_MAX + 1, 0xffff_ffff),
      body: fc.oneof(fc.uint8Array(), fc.constant(capability)),
      isHonest: fc.boolean(),
    })
    .map(({ length, isHonest, body, ...header }) => {
      const isRead = header.operation === 'read'
      const honest = { ...header, status: 'ok', length: isRead ? length : body.length } as const
      return encodeFrame(
        'request',
        isHonest ? honest : { ...honest, length },
        isRead ? undefined : body,
      )
    })
  const noise = fc.oneof(frame, fc.uint8Array({ maxLength: 200 }))
  const attaching = encodeFrame('request', { ...fields, operation: 'attach' }, capability)

  test('whatever arrives, serving ends and never throws', async () => {
    const ends = new Set<string>()
    const property = fc.asyncProperty(
      fc.boolean(),
      fc.array(noise, { maxLength: 20 }),
      fc.integer({ min: 1, max: 500 }),
      fc.nat(),
      async (isAttached, frames, chunkMax, seed) => {
        const { table, trust } = createWorld()
        const [near, far] = streamPair({ chunkMax, seed })
        const served = serveMemory({
          self: node,
          table,
          trust,
          stream: far,
          peer: holder.publicKey,
        })
        const sending = (async () => {
          if (isAttached) await near.write(attaching)
          for (const bytes of frames) await near.write(bytes)
          await near.end()
        })().catch(() => {})
        const replies = createDecoder('reply')
        const reading = (async () => {
          for (;;) {
            const chunk = await near.read()
            if (chunk === null) return
            for (const decoded of replies.feed(chunk)) expect(decoded.ok).toBe(true)
          }
        })().catch((error: unknown) => expect(String(error)).toContain('reset'))
        ends.add((await served).ended)
        await Promise.all([sending, reading])
      },
    )
    await fc.assert(property, { numRuns: 200 })
    expect(ends).toEqual(new Set(['end', 'refused']))
  })

  test('a body is refused on its header: nothing as long as it claims is ever made', async () => {
    const raw = createWorld().serve()
    await raw.write(encodeFrame('request', { ...fields, operation: 'write', length: 0xffff_ffff }))
    expect(await raw.served).toEqual({ ended: 'refused', code: 'too-long', answered: 0 })
  })

  test('a stream that ends inside a frame did not end well', async () => {
    const raw = createWorld().serve()
    await raw.write(encodeFrame('request', { ...fields, operation: 'stat' }).subarray(0, 31))
    await raw.end()
    expect(await raw.served).toEqual({ ended: 'refused', code: 'cut-short', answered: 0 })
  })

  test('a holder who does not take his replies is not read from', async () => {
    const world = createWorld({ size: OPERATION_SIZE_MAX })
    const { table, trust } = world
    let asked = 0
    let held = 0
    const requests = [encodeFrame('request', { ...fields, operation: 'attach' }, world.permit())]
    const read = { operation: 'read', handle: 1, generation: 2_097_152 } as const
    const stream: ByteStream = {
      // As many requests as anyone reads, within reason, each for a whole MiB.
      read: async () => {
        asked += 1
        if (asked > 50) return null
        return (
          requests.shift() ??
          encodeFrame('request', { ...fields, ...read, length: OPERATION_SIZE_MAX })
        )
      },
      // The first reply goes out; every other one waits for ever.
      write: async (bytes) => {
        held += bytes.length
        if (asked > 1) await new Promise(() => {})
      },
      end: async () => {},
      reset: () => {},
    }
    void serveMemory({ self: node, table, trust, stream, peer: holder.publicKey })
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBe(2)
    expect(held).toBeLessThan(OPERATION_SIZE_MAX + 1024)
  })

  test('a stream that breaks while a reply is on its way is an end like any other', async () => {
    const world = createWorld()
    const raw = world.serve()
    await raw.attach(world.permit())
    raw.reset()
    world.table.revoke(asset)
    expect(await raw.served).toMatchObject({ ended: 'disconnected', answered: 1 })
  })

  test('a world that is broken on this side is not hidden as the peer’s doing', async () => {
    const world = createWorld()
    const raw = world.serve()
    const attached = await raw.attach(world.permit())
    const failed = expect(raw.served).rejects.toThrow('the disk is gone')
    world.regions.region = () => {
      throw new Error('the disk is gone')
    }
    const { handle, generation } = attached
    await expect(raw.ask({ operation: 'stat', handle, generation })).rejects.toThrow('reset')
    await failed
  })
})

describe('a holder against the node it reads from', () => {
  type Answer = (request: Frame) => readonly Uint8Array[]

  /** A region on a node that answers ATTACH as it should, and everything else by `answer`, or the first only. */
  async function regionBehind(answer: Answer, isOnce = false): Promise<RemoteRegion> {
    const world = createWorld({ size: OPERATION_SIZE_MAX })
    world.mesh.listen(node, async (stream) => {
      const honest = world.serve()
      const decoder = createDecoder('request')
      for (;;) {
        const chunk = await stream.read().catch(() => null)
        if (chunk === null) return
        for (const decoded of decoder.feed(chunk)) {
          if (!decoded.ok) throw new Error(decoded.refusal.code)
          const { header, body } = decoded.frame
          if (header.operation === 'attach') {
            const reply = await honest.ask(header, body)
            await stream.write(encodeFrame('reply', reply.header, reply.body))
          } else {
            for (const bytes of answer(decoded.frame)) await stream.write(bytes).catch(() => {})
            if (isOnce) return stream.end()
          }
        }
      }
    })
    return world.region()
  }

  const reply = (header: Header, change: Partial<Header> = {}, body?: Uint8Array): Uint8Array =>
    encodeFrame('reply', { ...header, offset: 0, length: body?.length ?? 0, ...change }, body)

  test.each<[string, Answer]>([
    ['fewer bytes than asked', ({ header }) => [reply(header, {}, new Uint8Array(3))]],
    ['more bytes than asked', ({ header }) => [reply(header, {}, new Uint8Array(5))]],
    ['more than any operation moves', ({ header }) => [reply(header, { length: 0x7fff_ffff })]],
    [
      'to a request that nobody made',
      ({ header }) => [reply(header, { request: 99 }, new Uint8Array(4))],
    ],
    ['another operation', ({ header }) => [reply(header, { operation: 'write' })]],
    ['noise', () => [new Uint8Array(64).fill(255)]],
  ])('a reply that is %s ends the stream as a protocol error', async (_, answer) => {
    const region = await regionBehind(answer)
    expect(codeOf(await region.read(0, 4))).toBe('protocol')
    expect(codeOf(await region.read(0, 4))).toBe('protocol')
    await region[Symbol.asyncDispose]()
  })

  test('whatever is answered, every read ends with a result', async () => {
    const header = fc.record({
      operation: fc.constantFrom<Header['operation']>('read', 'write', 'stat', 'revoked'),
      status: fc.constantFrom<Header['status']>('ok', 'stale', 'moved'),
      request: fc.nat(4),
      length: fc.constantFrom(0, 4, 16, OPERATION_SIZE_MAX, 0xffff_ffff),
    })
    const answer = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc
        .tuple(header, fc.uint8Array({ maxLength: 20 }))
        .map(([fields, body]) =>
          encodeFrame('reply', { ...fields, handle: 1, generation: 0, offset: 0 }, body),
        ),
    )
    const property = fc.asyncProperty(fc.array(answer, { maxLength: 5 }), async (answers) => {
      const region = await regionBehind(() => answers, true)
      const reads = [region.read(0, 4), region.write(0, new Uint8Array(4)), region.stat()]
      for (const outcome of await Promise.all(reads))
        // Whatever came back: a result, or a refusal with a code, and never an exception.
        if (!outcome.ok) expect(outcome.refusal.code).toMatch(/^[a-z-]+$/)
      await region[Symbol.asyncDispose]()
    })
    await fc.assert(property, { numRuns: 100 })
  })

  test('a second reply to one request ends the stream', async () => {
    const region = await regionBehind(({ header }) => {
      const once = reply(header, {}, new Uint8Array(4))
      return [once, once]
    })
    expect(codeOf(await region.read(0, 4))).toBe('ok')
    await region.revoked
    expect(codeOf(await region.read(0, 4))).toBe('protocol')
  })

  test('a stat that does not decode ends the stream', async () => {
    const region = await regionBehind(({ header }) => [reply(header, {}, new Uint8Array(9))])
    expect(codeOf(await region.stat())).toBe('protocol')
  })

  test('a stream that ends inside a reply is a protocol error, between replies a disconnection', async () => {
    for (const [length, code] of [
      [20, 'protocol'],
      [0, 'disconnected'],
    ] as const) {
      const world = createWorld()
      world.mesh.listen(node, async (stream, peer) => {
        const [near, far] = streamPair()
        void serveMemory({ self: node, table: world.table, trust: world.trust, stream: far, peer })
        await near.write((await stream.read())!)
        await stream.write((await near.read())!)
        await stream.read()
        await stream.write(reply({ ...fields, operation: 'read', length: 4 }).subarray(0, length))
        await stream.end()
      })
      const region = await world.region()
      expect(codeOf(await region.read(0, 4))).toBe(code)
    }
  })

  test('an attachment to other bytes than the capability’s is not taken', async () => {
    const [world, other] = [createWorld(), createWorld()]
    world.mesh.listen(node, async (stream) => {
      const honest = other.serve()
      await stream.read()
      const { header, body } = await honest.ask(
        { operation: 'attach' },
        other.permit({ length: 8 }),
      )
      await stream.write(encodeFrame('reply', header, body))
    })
    expect(codeOf(await world.attach())).toBe('protocol')
  })

  test.each([
    { length: 1, requests: 64 },
    { length: OPERATION_SIZE_MAX, requests: 4 },
  ])(
    'a node that never answers holds $requests requests of $length bytes, no more',
    async ({ length, requests }) => {
      let asked = 0
      const region = await regionBehind(() => {
        asked += 1
        return []
      })
      const reads = Array.from({ length: 200 }, async () => region.read(0, length))
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
      expect(asked).toBe(requests)
      // A dispose does not wait for such a node for long, and leaves nobody waiting.
      await region[Symbol.asyncDispose]()
      expect(new Set((await Promise.all(reads)).map(codeOf))).toEqual(new Set(['disconnected']))
    },
  )
})
