import { CHUNK_SIZE, concat, draw, fromHex, openStream, sealStream, toHex } from '@hypermesh/crypto'
import { seededRandomForTests } from '@hypermesh/crypto/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const key = draw(seededRandomForTests('key'), 32)
const damaged = expect.objectContaining({ code: 'damaged-stream' })

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += size) {
    yield bytes.subarray(offset, offset + size)
  }
}

async function whole(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const piece of source) all.push(piece)
  return concat(...all)
}

async function sealed(length: number, context?: string): Promise<Uint8Array> {
  const plain = draw(seededRandomForTests('plain'), length)
  return whole(sealStream(key, pieces(plain, 100_000), context === undefined ? {} : { context }))
}

const opened = async (bytes: Uint8Array, size = 70_000): Promise<Uint8Array> =>
  whole(openStream(key, pieces(bytes, size)))

test.each([0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE, 200_001])(
  'a stream of %d bytes comes out as it went in, however it is cut',
  async (length) => {
    const plain = draw(seededRandomForTests('plain'), length)
    const chunks = Math.max(1, Math.ceil(length / CHUNK_SIZE))
    for (const size of [length + 1, 7_001]) {
      const bytes = await whole(sealStream(key, pieces(plain, size)))
      expect(bytes.length).toBe(32 + length + 16 * chunks)
      expect(await opened(bytes, bytes.length)).toEqual(plain)
      expect(await opened(bytes, 1_003)).toEqual(plain)
    }
  },
)

test('bytes may come one by one', async () => {
  const bytes = await sealed(300)
  expect(await opened(bytes, 1)).toEqual(draw(seededRandomForTests('plain'), 300))
})

test('a stream of an earlier release still opens', async () => {
  const old = fromHex(
    '9e8d1a31cad128a98f6525f502914b3b3f1af2f61a13f15d32ba1c4efb46be44a74c7ce87801cf0ead209c6ffcc83d4eb79fe61a3b1492e280e4b7410909',
  )
  expect(new TextDecoder().decode(await opened(old))).toBe('kept for years')
})

// Three chunks on the wire: salt, two full ones, a last one of 100 bytes.
const FULL = CHUNK_SIZE + 16
const three = await sealed(2 * CHUNK_SIZE + 100)
const salt = three.subarray(0, 32)
const [one, two, last] = [
  three.subarray(32, 32 + FULL),
  three.subarray(32 + FULL, 32 + 2 * FULL),
  three.subarray(32 + 2 * FULL),
]
test.each([
  ['nothing', new Uint8Array()],
  ['half a salt', salt.subarray(0, 16)],
  ['only a salt', salt],
  ['cut between chunks', concat(salt, one, two)],
  ['cut after the first chunk', concat(salt, one)],
  ['cut inside a chunk', three.subarray(0, three.length - 1)],
  ['the first chunk left out', concat(salt, two, last)],
  ['a middle chunk left out', concat(salt, one, last)],
  ['chunks exchanged', concat(salt, two, one, last)],
  ['a chunk twice', concat(salt, one, one, two, last)],
  ['more after the last chunk', concat(three, new Uint8Array(1))],
  ['the last chunk twice', concat(three, last)],
])('a stream is refused: %s', async (_, bytes) => {
  await expect(opened(bytes)).rejects.toThrow(damaged)
})

test('a full last chunk is not taken for one in the middle', async () => {
  const full = await sealed(2 * CHUNK_SIZE)
  expect(await opened(full)).toHaveLength(2 * CHUNK_SIZE)
  await expect(opened(full.subarray(0, 32 + FULL))).rejects.toThrow(damaged)
  await expect(opened(concat(full, last))).rejects.toThrow(damaged)
})

test('any changed bit is found before its chunk is yielded', async () => {
  const plain = draw(seededRandomForTests('plain'), 2 * CHUNK_SIZE + 100)
  const places = fc.tuple(fc.nat({ max: three.length - 1 }), fc.nat({ max: 7 }))
  await fc.assert(
    fc.asyncProperty(places, async ([place, bit]) => {
      const bad = three.slice()
      bad[place]! ^= 1 << bit
      let length = 0
      const reading = (async () => {
        for await (const piece of openStream(key, pieces(bad, 50_000))) {
          expect(piece).toEqual(plain.subarray(length, length + piece.length))
          length += piece.length
        }
      })()
      await expect(reading).rejects.toThrow(damaged)
      expect(length).toBeLessThanOrEqual(Math.max(0, place - 32))
    }),
    { numRuns: 25 },
  )
})

test('random bytes are refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await expect(opened(bytes)).rejects.toThrow(damaged)
    }),
    { numRuns: 50 },
  )
})

test('another key or context does not open', async () => {
  const bytes = await sealed(10, 'backup')
  const read = async (secret: Uint8Array, context: string): Promise<Uint8Array> =>
    whole(openStream(secret, pieces(bytes, 100), { context }))
  expect(await read(key, 'backup')).toHaveLength(10)
  await expect(read(key, 'other')).rejects.toThrow(damaged)
  await expect(
    read(
      key.map((byte) => byte ^ 1),
      'backup',
    ),
  ).rejects.toThrow(damaged)
  const wrong = expect.objectContaining({ code: 'wrong-length' })
  await expect(read(key.subarray(1), 'backup')).rejects.toThrow(wrong)
})

test('the same bytes sealed twice look different', async () => {
  expect(toHex(await sealed(10))).not.toBe(toHex(await sealed(10)))
})

test('what it holds does not grow with the stream', async () => {
  const block = new Uint8Array(1 << 20)
  let given = 0
  let ahead = 0
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (; given < 32; given++) yield block
  }
  let got = 0
  for await (const piece of openStream(key, sealStream(key, source()))) {
    got += piece.length
    ahead = Math.max(ahead, given * block.length - got)
  }
  expect(got).toBe(32 << 20)
  expect(ahead).toBeLessThanOrEqual(2 << 20)
})

test('a reader that leaves early closes the source', async () => {
  let closed = false
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(CHUNK_SIZE)
    } finally {
      closed = true
    }
  }
  for await (const piece of openStream(key, sealStream(key, source()))) {
    expect(piece).toHaveLength(CHUNK_SIZE)
    break
  }
  expect(closed).toBe(true)
})
