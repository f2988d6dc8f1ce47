import { open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { concat, equal, field, record, sha256 } from '@hypermesh/crypto'

import { BootstrapError } from './errors.ts'

/** Longest line: an invite of a full mesh, or a certificate chain. */
const LINE_SIZE_MAX = 512 * 1024

/** Before each line: digest and length of it, and the beginning of a digest over the two. */
const HEAD_SIZE = 40

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
      await handle.appendFile(concat(headOf(encoded), encoded))
      await handle.datasync()
      lines.push(line)
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

function headOf(line: Uint8Array): Uint8Array {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, line.length)
  const begun = concat(sha256(line), length)
  return concat(begun, sha256(begun).subarray(0, 4))
}

function read(bytes: Uint8Array, file: string): { lines: JournalLine[]; length: number } {
  const damagedAt = (at: number): BootstrapError =>
    new BootstrapError(
      'journal-damaged',
      `${file} is damaged at byte ${at}: restore it from a copy, or move the node's directory away and join anew`,
    )
  const lines: JournalLine[] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + HEAD_SIZE <= bytes.length) {
    const head = bytes.subarray(at, at + HEAD_SIZE)
    // Without this check a damaged length would read as a line that was cut off, and all after it would be gone.
    if (!equal(sha256(head.subarray(0, 36)).subarray(0, 4), head.subarray(36))) throw damagedAt(at)
    const end = at + HEAD_SIZE + view.getUint32(at + 32)
    if (end > bytes.length) break
    const body = bytes.subarray(at + HEAD_SIZE, end)
    const decoded = lineCodec.decode(body)
    if (!equal(sha256(body), head.subarray(0, 32)) || !decoded.ok) throw damagedAt(at)
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
