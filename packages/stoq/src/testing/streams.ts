import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

import type { OpenCarrier } from '../carrier.ts'
import { gather } from '../gather.ts'
import { createMessageReader, writeMessage } from '../messages.ts'
import type { Stream } from '../stream.ts'
import { createPair, pattern } from './pair.ts'
import type { Runner } from './runner.ts'

/** What every stream promises, over any carrier. */
export function streamTests(test: Runner, carrier: OpenCarrier): void {
  test('bytes arrive whole and in order, both ways, however they were cut', async () => {
    await using pair = await createPair(carrier)
    pair.there.handle('test/echo', async (stream) => {
      for (let bytes = await stream.read(); bytes !== null; bytes = await stream.read()) {
        await stream.write(bytes)
      }
      await stream.end()
    })
    const stream = await (await pair.connect()).open('test/echo')
    const sent = pattern(3_500_000)
    let at = 0
    // Nobody waits for any of these writes.
    for (const size of [1, 0, 999_999, 65_536, 2_000_000, 434_464]) {
      void stream.write(sent.subarray(at, at + size))
      at += size
    }
    void stream.end()
    const echoed = await gather(stream, sent.length)
    assert.ok(echoed.ok)
    assert.ok(same(echoed.bytes, sent))
    assert.equal(await stream.read(), null)
  })

  test('one side ends and still hears the other', async () => {
    await using pair = await createPair(carrier)
    pair.there.handle('test/last', async (stream) => {
      const heard = await gather(stream, 10)
      await stream.write(Uint8Array.of(heard.ok ? heard.bytes.length : 0))
      await stream.end()
    })
    const stream = await (await pair.connect()).open('test/last')
    await stream.write(new Uint8Array(7))
    await stream.end()
    assert.deepEqual(await stream.read(), Uint8Array.of(7))
    assert.equal(await stream.read(), null)
  })

  test('a sender to a reader that pauses stops within the window, and goes on after', async () => {
    const streamWindow = 524_288
    await using pair = await createPair(carrier, { streamWindow })
    const { promise: inbound, resolve } = Promise.withResolvers<Stream>()
    pair.there.handle('test/sink', (stream) => resolve(stream))
    const stream = await (await pair.connect()).open('test/sink')
    const sent = pattern(4_194_304)
    const piece = 65_536
    let taken = 0
    const sending = (async () => {
      for (; taken < sent.length; taken += piece) {
        await stream.write(sent.subarray(taken, taken + piece))
      }
      await stream.end()
    })()
    const paused = await inbound
    await steady(() => taken)
    assert.ok(taken > 0 && taken <= streamWindow + piece, `${taken} bytes left a paused stream`)
    const received = await gather(paused, sent.length)
    await sending
    assert.ok(received.ok && same(received.bytes, sent))
  })

  test('a reset ends reading and writing on both sides, whatever they were doing', async () => {
    await using pair = await createPair(carrier, { streamWindow: 65_536 })
    const { promise: inbound, resolve } = Promise.withResolvers<Stream>()
    pair.there.handle('test/stuck', (stream) => resolve(stream))
    const stream = await (await pair.connect()).open('test/stuck')
    const there = await inbound
    // Both windows are full and nobody reads: only word on another lane can end this.
    const stuck = [stream.write(new Uint8Array(500_000)), there.write(new Uint8Array(500_000))]
    for (const write of stuck) write.catch(() => undefined)
    await setTimeout(20)
    stream.reset()
    for (const write of stuck) await assert.rejects(write, { name: 'StoqError', code: 'reset' })
    for (const end of [stream, there]) {
      // What had arrived may come first, an end may not.
      await assert.rejects(gather(end, 1e9), { code: 'reset' })
      await assert.rejects(end.write(Uint8Array.of(1)), { code: 'reset' })
    }
  })

  test('a reset is never taken for an end', async () => {
    await using pair = await createPair(carrier)
    pair.there.handle('test/cut', async (stream) => {
      await stream.write(new Uint8Array(10))
      await stream.read()
      stream.reset()
    })
    const stream = await (await pair.connect()).open('test/cut')
    assert.equal((await stream.read())?.length, 10)
    // The reset that answers it may overtake the word that it was taken.
    stream.write(Uint8Array.of(1)).catch(() => undefined)
    await assert.rejects(stream.read(), { code: 'reset' })
    await assert.rejects(stream.read(), { code: 'reset' })
  })

  test('a read beside a read and a write after the end are misuse', async () => {
    await using pair = await createPair(carrier)
    pair.there.handle('test/idle', () => undefined)
    const stream = await (await pair.connect()).open('test/idle')
    const first = stream.read()
    first.catch(() => undefined)
    await assert.rejects(stream.read(), { code: 'concurrent-read' })
    await stream.end()
    await assert.rejects(stream.write(Uint8Array.of(1)), { code: 'ended' })
    stream.reset()
    await assert.rejects(first, { code: 'reset' })
  })

  test('messages come out as they went in, also when written at once', async () => {
    await using pair = await createPair(carrier)
    pair.there.handle('test/messages', async (stream) => {
      const reader = createMessageReader(stream, 200_000)
      for (let next = await reader.next(); next !== null; next = await reader.next()) {
        await writeMessage(stream, next)
      }
      await stream.end()
    })
    const stream = await (await pair.connect()).open('test/messages')
    const sent = [0, 1, 200_000, 3, 65_536, 70_000].map((length) => pattern(length))
    const sending = Promise.all(sent.map((message) => writeMessage(stream, message)))
    const reader = createMessageReader(stream, 200_000)
    for (const message of sent) {
      const received = await reader.next()
      assert.ok(received && same(received, message))
    }
    await sending
    await stream.end()
    assert.equal(await reader.next(), null)
  })

  test('no more streams are open than the peer allows, and a reset makes room', async () => {
    await using pair = await createPair(carrier, { streams: 4, handshakeMs: 800 })
    pair.there.handle('test/held', () => undefined)
    const connection = await pair.connect()
    // One of the four is the connection's own.
    const held = [1, 2, 3].map(() => connection.open('test/held'))
    const [first] = await Promise.all(held)
    await assert.rejects(connection.open('test/held'), { code: 'timeout' })
    first?.reset()
    await connection.open('test/held')
  })
}

/** Waits until a count stands still. */
async function steady(count: () => number): Promise<void> {
  for (let before = -1; before !== count() || before === 0;) {
    before = count()
    await setTimeout(60)
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
