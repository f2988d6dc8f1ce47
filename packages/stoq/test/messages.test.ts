import fc from 'fast-check'
import { expect, test } from 'vitest'

import { concat } from '@hypermesh/crypto'
import { createMessageReader, writeMessage } from '@hypermesh/stoq'

/** A stream that gives these pieces and remembers a reset. */
function source(pieces: readonly Uint8Array[]) {
  const left = [...pieces]
  return {
    wasReset: false,
    read: async () => left.shift() ?? null,
    reset() {
      this.wasReset = true
    },
  }
}

async function written(messages: readonly Uint8Array[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const stream = { write: async (bytes: Uint8Array) => void parts.push(bytes) }
  for (const message of messages) await writeMessage(stream, message)
  return concat(...parts)
}

function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b)
  return [0, ...at].map((start, index) => bytes.slice(start, at[index] ?? bytes.length))
}

test('the length of a message goes before it in four bytes', async () => {
  expect(await written([Uint8Array.of(7, 8), new Uint8Array(0)])).toEqual(
    Uint8Array.of(0, 0, 0, 2, 7, 8, 0, 0, 0, 0),
  )
})

test('messages survive any way a network can cut them', async () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(messages, fc.array(fc.nat(500)), async (messages, places) => {
      const stream = source(
        cut(await written(messages), places).filter((piece) => piece.length > 0),
      )
      const reader = createMessageReader(stream, 40)
      for (const message of messages) expect(await reader.next()).toEqual(message)
      expect(await reader.next()).toBe(null)
      expect(stream.wasReset).toBe(false)
    }),
  )
})

test('random bytes are messages within the limit, or end in a refusal', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 30 })), async (pieces) => {
      const stream = source(pieces)
      const reader = createMessageReader(stream, 20)
      try {
        for (let next = await reader.next(); next !== null; next = await reader.next()) {
          expect(next.length).toBeLessThanOrEqual(20)
        }
      } catch (error) {
        expect(error).toMatchObject({ name: 'StoqError', code: /^(too-long|truncated)$/ })
        expect(stream.wasReset).toBe(true)
      }
    }),
  )
})

test('a message that comes byte by byte is read in time and memory that fit its length', async () => {
  const length = 300_000
  const bytes = await written([new Uint8Array(length).fill(5)])
  let at = 0
  const stream = { read: async () => bytes.slice(at, ++at), reset: () => undefined }
  const message = await createMessageReader(stream, length).next()
  expect(message?.length).toBe(length)
  expect(message?.buffer.byteLength).toBeLessThan(3 * length)
  expect(message?.every((byte) => byte === 5)).toBe(true)
})

test.each([
  { bytes: Uint8Array.of(0, 0, 0, 21), code: 'too-long' },
  { bytes: Uint8Array.of(255, 255, 255, 255), code: 'too-long' },
  { bytes: Uint8Array.of(0, 0, 0, 20, 1), code: 'truncated' },
  { bytes: Uint8Array.of(0, 0), code: 'truncated' },
])('$bytes is $code', async ({ bytes, code }) => {
  const stream = source([bytes])
  await expect(createMessageReader(stream, 20).next()).rejects.toMatchObject({ code })
  expect(stream.wasReset).toBe(true)
})
