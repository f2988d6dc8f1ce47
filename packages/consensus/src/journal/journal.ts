import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

import { equal } from '@hypermesh/crypto'

import { ConsensusError } from '../errors.ts'
import { RECORD_SIZE_MAX } from '../storage.ts'
import type { Storage } from '../storage.ts'
import {
  encodeFrame,
  FRAME_HEADER_SIZE,
  frameLength,
  frameRecords,
  hasFrame,
  hasHole,
  isRecord,
  RECORD_HEADER_SIZE,
  recordLength,
} from './frame.ts'
import { lock } from './lock.ts'

const MAGIC = new TextEncoder().encode('hypermesh-wal/1\n')

/** Longest tail without a header that is searched for one, in bytes: no turn of a node keeps more. */
const TAIL_MAX = 64 * 1024 * 1024

/** A storage in a file of its own. */
export interface Journal extends Storage, AsyncDisposable {}

/**
 * Opens a journal, or begins one. What a loss of power left half-written at the end is cut off: it was never
 * acknowledged. Anything else that is not as it was written is damage, and nothing is cut then.
 *
 * @throws {ConsensusError} `journal-locked` while another has it open; `journal-foreign` when it is another kind of
 * file; `journal-damaged`.
 */
export async function openJournal(file: string): Promise<Journal> {
  const release = lock(`${file}.lock`)
  let handle: FileHandle | undefined
  try {
    handle = await openFile(file)
    return new File(file, handle, await recover(file, handle), release)
  } catch (error) {
    await handle?.close()
    release()
    throw error
  }
}

class File implements Journal {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #release: () => void
  #end: number
  #last: Promise<unknown> = Promise.resolve()
  #state: 'open' | 'failed' | 'closed' = 'open'

  constructor(file: string, handle: FileHandle, end: number, release: () => void) {
    this.#file = file
    this.#handle = handle
    this.#end = end
    this.#release = release
  }

  async *read(): AsyncIterable<{ readonly position: number; readonly record: Uint8Array }> {
    for await (const { position, records } of frames(this.#file, this.#handle, this.#end)) {
      let at = position + FRAME_HEADER_SIZE
      for (const record of records) {
        yield { position: at, record }
        at += RECORD_HEADER_SIZE + record.length
      }
    }
  }

  append(records: readonly Uint8Array[]): Promise<readonly number[]> {
    for (const { length } of records) {
      if (length > RECORD_SIZE_MAX) {
        throw new ConsensusError(
          'out-of-range',
          `a record of ${length} bytes, over ${RECORD_SIZE_MAX}`,
        )
      }
    }
    const appended = this.#last.then(() => this.#write(records))
    this.#last = appended.catch(() => undefined)
    return appended
  }

  async load(position: number): Promise<Uint8Array> {
    const header = await readAt(this.#handle, position, RECORD_HEADER_SIZE)
    const length = recordLength(header)
    const record = await readAt(this.#handle, position + RECORD_HEADER_SIZE, length ?? 0)
    if (length !== record.length || !isRecord(header, record)) throw damaged(this.#file, position)
    return record
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'closed') return
    await this.#last
    this.#state = 'closed'
    await this.#handle.close()
    this.#release()
  }

  async #write(records: readonly Uint8Array[]): Promise<readonly number[]> {
    if (this.#state === 'closed') throw new ConsensusError('closed', `${this.#file} is closed`)
    // After a failed sync nobody knows what is on the disk: to write on would hide it.
    if (this.#state === 'failed') {
      throw new ConsensusError('journal-failed', `${this.#file} failed before: open it anew`)
    }
    if (records.length === 0) return []
    const { frame, positions } = encodeFrame(this.#end, records)
    try {
      await writeAt(this.#handle, this.#end, frame)
      await this.#handle.datasync()
    } catch (error) {
      this.#state = 'failed'
      throw new ConsensusError('journal-failed', `${this.#file} cannot be written: ${why(error)}`, {
        cause: error,
      })
    }
    this.#end += frame.length
    return positions
  }
}

async function openFile(file: string): Promise<FileHandle> {
  const created = await open(file, 'wx+').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EEXIST') return undefined
    throw error
  })
  if (created === undefined) return open(file, 'r+')
  // The name itself must survive a loss of power, or the node would begin anew and contradict itself.
  const directory = await open(dirname(file), 'r')
  await directory.sync()
  await directory.close()
  return created
}

/** @returns Where the next frame goes. */
async function recover(file: string, handle: FileHandle): Promise<number> {
  const { size } = await handle.stat()
  const magic = await readAt(handle, 0, MAGIC.length)
  if (magic.length < MAGIC.length && equal(magic, MAGIC.subarray(0, magic.length))) {
    await writeAt(handle, 0, MAGIC)
    await handle.sync()
    return MAGIC.length
  }
  if (!equal(magic, MAGIC)) {
    throw new ConsensusError('journal-foreign', `${file} is no journal of this version`)
  }
  let end = MAGIC.length
  for await (const frame of frames(file, handle, size)) end = frame.end
  if (end < size) {
    await handle.truncate(end)
    await handle.sync()
  }
  return end
}

/** Whole frames, up to `size` or to a tail that was never written whole. */
async function* frames(
  file: string,
  handle: FileHandle,
  size: number,
): AsyncGenerator<{ position: number; end: number; records: readonly Uint8Array[] }> {
  let position = MAGIC.length
  while (position < size) {
    const rest = size - position
    if (rest < FRAME_HEADER_SIZE) return
    const length = frameLength(await readAt(handle, position, FRAME_HEADER_SIZE), position)
    if (length !== undefined && FRAME_HEADER_SIZE + length > rest) return
    if (length === undefined) {
      if (await isUnwritten(handle, position, rest)) return
      throw damaged(file, position)
    }
    const end = position + FRAME_HEADER_SIZE + length
    const body = await readAt(handle, position + FRAME_HEADER_SIZE, length)
    const records = frameRecords(body)
    if (records === undefined) {
      if (end === size && hasHole(body, position + FRAME_HEADER_SIZE, length)) return
      throw damaged(file, position)
    }
    yield { position, end, records }
    position = end
  }
}

// A frame whose header is in sectors that were never written is the last one: no other frame comes after it.
async function isUnwritten(handle: FileHandle, position: number, rest: number): Promise<boolean> {
  if (rest > TAIL_MAX) return false
  const tail = await readAt(handle, position, rest)
  return hasHole(tail, position, FRAME_HEADER_SIZE) && !hasFrame(tail, position)
}

function damaged(file: string, position: number): ConsensusError {
  return new ConsensusError(
    'journal-damaged',
    `${file} is damaged at byte ${position}. A validator must not forget its votes: restore the file, or give the ` +
      'node a new key and an empty journal, and let it catch up from the others.',
  )
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length)
  let done = 0
  while (done < length) {
    const { bytesRead } = await handle.read(bytes, done, length - done, position + done)
    if (bytesRead === 0) break
    done += bytesRead
  }
  return bytes.subarray(0, done)
}

async function writeAt(handle: FileHandle, position: number, bytes: Uint8Array): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

function why(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const isFull = code === 'ENOSPC' || code === 'EDQUOT'
  return isFull ? 'the disk is full; free some space and start again' : String(error)
}
