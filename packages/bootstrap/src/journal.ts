import { open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { concat, equal, field, record, sha256 } from '@hypermesh/crypto'

import { BootstrapError } from './errors.ts'

/** Longest line: an invite of a full mesh, or a certificate chain. */
const LINE_SIZE_MAX = 512 * 1024

/** Digest and length before each line. */
const HEAD_SIZE = 36

/** What a node has been through: the invite it follows, and the exit proof of each phase it left. */
interface JournalLine {
  readonly type: 'invite' | 'phase'
  readonly phase: number
  readonly proof: Uint8Array
}

export interface PhaseJournal extends AsyncDisposable {
  readonly lines: readonly JournalLine[]
  /** Resolves when the line would survive a loss of power. */
  append(line: JournalLine): Promise<void>
}

const lineCodec = record('hypermesh/phase-line', 1, LINE_SIZE_MAX, {
  line: field.choice({
    invite: { phase: field.count({ max: 0 }), proof: field.bytes({ max: LINE_SIZE_MAX - 256 }) },
    phase: { phase: field.count({ max: 3 }), proof: field.bytes({ max: LINE_SIZE_MAX - 256 }) },
  }),
})

/**
 * Opens the journal at `file`, or begins it. A last line that was cut off by a crash was never acted on, and goes.
 *
 * @throws {BootstrapError} `journal-damaged` when a line before the last one is not what was written.
 */
export async function openPhaseJournal(file: string): Promise<PhaseJournal> {
  await using scope = new AsyncDisposableStack()
  const handle = scope.adopt(await open(file, 'a', 0o600), (opened) => opened.close())
  const bytes = new Uint8Array(await readFile(file))
  const { lines, length } = read(bytes, file)
  if (length < bytes.length) await handle.truncate(length)
  await syncDirectory(dirname(file))
  const parts = scope.move()
  return {
    get lines() {
      return lines
    },
    append: async (line) => {
      const encoded = lineCodec.encode({ line })
      const head = new Uint8Array(HEAD_SIZE)
      head.set(sha256(encoded))
      new DataView(head.buffer).setUint32(32, encoded.length)
      await handle.appendFile(concat(head, encoded))
      await handle.datasync()
      lines.push(line)
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function read(bytes: Uint8Array, file: string): { lines: JournalLine[]; length: number } {
  const lines: JournalLine[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + HEAD_SIZE <= bytes.length) {
    const size = view.getUint32(at + 32)
    const end = at + HEAD_SIZE + size
    if (end > bytes.length) break
    const body = bytes.subarray(at + HEAD_SIZE, end)
    const decoded = lineCodec.decode(body)
    if (!equal(sha256(body), bytes.subarray(at, at + 32)) || !decoded.ok) {
      throw new BootstrapError(
        'journal-damaged',
        `${file} is damaged at byte ${at}: restore it from a copy, or move the node's directory away and join anew`,
      )
    }
    lines.push(decoded.value.line)
    at = end
  }
  return { lines, length: at }
}

// A new file's name is kept only when its directory is.
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path)
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
