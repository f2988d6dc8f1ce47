import { CryptoError } from '../errors.ts'
import { draw, systemRandom } from '../random.ts'
import { checkSealing, lock, sealingKey, unlock } from './gcm.ts'
import { SALT_SIZE, TAG_SIZE } from './nonce.ts'
import { RECORDS_MAX } from './record.ts'
import type { SealOptions } from './record.ts'

/** Bytes of plaintext in every chunk but the last. */
export const CHUNK_SIZE = 65_536

const NOTHING = new Uint8Array()

/**
 * Seals a stream of any length in chunks of 64 KiB: a salt, then each chunk with its tag, the last one
 * marked. What it holds at a time is one chunk and what the source gives at once. Each call has a key of its own.
 *
 * @throws {CryptoError} `wrong-length` for the key or the context; `spent` after 2^32 chunks, 256 TiB.
 */
export async function* sealStream(
  key: Uint8Array,
  source: AsyncIterable<Uint8Array>,
  { context = '' }: SealOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  checkSealing(key, context)
  const salt = draw(systemRandom, SALT_SIZE)
  const own = sealingKey(key, salt, 'stream', context)
  yield salt
  let counter = 0
  for await (const { bytes, last } of cut(source, CHUNK_SIZE)) {
    if (counter >= RECORDS_MAX) throw new CryptoError('spent', `${counter} chunks are sealed`)
    yield lock(own, counter, last, bytes, NOTHING)
    counter += 1
  }
}

/**
 * Opens what {@link sealStream} made, however it was cut on the way. Every chunk it yields is as it was
 * sealed, but only when the iteration ends without an error is it all there: until then keep what you made
 * of it where you can drop it.
 *
 * @throws {CryptoError} `damaged-stream` when anything was altered, left out, moved, added or cut off, or the
 *   key or context is another; `wrong-length` for the key or the context.
 */
export async function* openStream(
  key: Uint8Array,
  source: AsyncIterable<Uint8Array>,
  { context = '' }: SealOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  checkSealing(key, context)
  const pieces = source[Symbol.asyncIterator]()
  try {
    const { salt, rest } = await takeSalt(pieces)
    const theirs = sealingKey(key, salt, 'stream', context)
    const body = { [Symbol.asyncIterator]: () => startingWith(rest, pieces) }
    let counter = 0
    for await (const { bytes, last } of cut(body, CHUNK_SIZE + TAG_SIZE)) {
      const plain = unlock(theirs, counter, last, bytes, NOTHING)
      if (plain === undefined || counter >= RECORDS_MAX) {
        throw new CryptoError('damaged-stream', `chunk ${counter} is not as it was sealed`)
      }
      counter += 1
      yield plain
    }
  } finally {
    await pieces.return?.()
  }
}

interface Chunk {
  readonly bytes: Uint8Array
  readonly last: boolean
}

// Cuts into chunks of exactly `size`, the last one shorter or equal. A full chunk is held back until more
// comes, because only then is it not the last.
async function* cut(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Chunk, void, undefined> {
  const held = new Uint8Array(size)
  let length = 0
  for await (const piece of source) {
    let offset = 0
    while (offset < piece.length) {
      if (length === size) {
        yield { bytes: held, last: false }
        length = 0
      }
      const taken = piece.subarray(offset, offset + size - length)
      held.set(taken, length)
      length += taken.length
      offset += taken.length
    }
  }
  yield { bytes: held.subarray(0, length), last: true }
}

async function takeSalt(
  pieces: AsyncIterator<Uint8Array>,
): Promise<{ readonly salt: Uint8Array; readonly rest: Uint8Array }> {
  const salt = new Uint8Array(SALT_SIZE)
  let length = 0
  for (;;) {
    const next = await pieces.next()
    if (next.done) throw new CryptoError('damaged-stream', 'the stream ends in its salt')
    const taken = next.value.subarray(0, SALT_SIZE - length)
    salt.set(taken, length)
    length += taken.length
    if (length === SALT_SIZE) return { salt, rest: next.value.subarray(taken.length) }
  }
}

async function* startingWith(
  first: Uint8Array,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first
  for (;;) {
    const next = await pieces.next()
    if (next.done) return
    yield next.value
  }
}
