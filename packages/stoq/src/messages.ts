import { concat } from '@hypermesh/crypto'

import { StoqError } from './errors.ts'
import { Intake } from './intake.ts'

/** Length of the message that follows: 4 bytes, big-endian. */
const HEAD_SIZE = 4

/** Up to here a message and its length go out in one write. */
const JOIN_SIZE_MAX = 65_536

export interface MessageReader {
  /**
   * The next message; null when the stream ended after a whole one.
   *
   * @throws {StoqError} `too-long` when a message announces more than the limit, `truncated` when the stream ends
   * inside one; the stream is reset then. `reset` and `closed` as `Stream.read`.
   */
  next(): Promise<Uint8Array | null>
}

/** Reads messages that `writeMessage` wrote. Memory grows with what arrived, not with what a length announces. */
export function createMessageReader(
  stream: { read(): Promise<Uint8Array | null>; reset(): void },
  sizeMax: number,
): MessageReader {
  const intake = new Intake()

  const fill = async (length: number): Promise<boolean> => {
    while (intake.size < length) {
      const chunk = await stream.read()
      if (chunk === null) return false
      intake.put(chunk)
    }
    return true
  }
  const fault = (code: 'too-long' | 'truncated', message: string): StoqError => {
    stream.reset()
    return new StoqError(code, message)
  }

  return {
    next: async () => {
      if (!(await fill(HEAD_SIZE))) {
        if (intake.size === 0) return null
        throw fault('truncated', 'the stream ended inside the length of a message')
      }
      const head = intake.take(HEAD_SIZE)
      const length = new DataView(head.buffer, head.byteOffset).getUint32(0)
      if (length > sizeMax) throw fault('too-long', `a message of ${length} bytes, over ${sizeMax}`)
      if (await fill(length)) return intake.take(length)
      throw fault(
        'truncated',
        `the stream ended after ${intake.size} of ${length} bytes of a message`,
      )
    },
  }
}

/** Writes one message: its length in 4 bytes, big-endian, and the bytes. Messages written at once do not mix. */
export async function writeMessage(
  stream: { write(bytes: Uint8Array): Promise<void> },
  bytes: Uint8Array,
): Promise<void> {
  const head = new Uint8Array(HEAD_SIZE)
  new DataView(head.buffer).setUint32(0, bytes.length)
  if (bytes.length <= JOIN_SIZE_MAX) return stream.write(concat(head, bytes))
  // Both writes are queued before either is awaited: nothing comes between them.
  await Promise.all([stream.write(head), stream.write(bytes)])
}
