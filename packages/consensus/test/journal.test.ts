import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openJournal } from '@hypermesh/consensus'
import type { Journal } from '@hypermesh/consensus'
import { storageTests } from '@hypermesh/consensus/testing'
import { concat } from '@hypermesh/crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'

let directory: string
let files = 0

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'hypermesh-journal-'))
})
afterAll(() => rm(directory, { recursive: true }))

storageTests('a journal', test, () => openJournal(nextFile()))

/** Three frames, of two, one and three records. */
const FRAMES = [
  [bytes(40, 1), bytes(0, 2)],
  [bytes(700, 3)],
  [bytes(5, 4), bytes(90, 5), bytes(12, 6)],
]

test('a journal cut anywhere opens with the frames that were whole, and goes on', async () => {
  const { content, ends } = await written()
  for (let length = 0; length <= content.length; length += length < 100 ? 1 : 7) {
    const file = nextFile()
    await writeFile(file, content.subarray(0, length))
    await using journal = await openJournal(file)
    const whole = FRAMES.slice(0, ends.filter((end) => end <= length).length).flat()
    expect(await records(journal)).toEqual(whole)
    await journal.append([bytes(3, 9)])
    expect(await records(journal)).toEqual([...whole, bytes(3, 9)])
  }
})

test('a journal with any bit changed is refused, and stays as it is', async () => {
  const { content } = await written()
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: content.length * 8 - 1 }), async (bit) => {
      const file = nextFile()
      const changed = content.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      await writeFile(file, changed)
      const code = bit >> 3 < 16 ? 'journal-foreign' : 'journal-damaged'
      await expect(openJournal(file)).rejects.toMatchObject({ code })
      expect(new Uint8Array(await readFile(file))).toEqual(changed)
    }),
    { numRuns: 300 },
  )
})

test('a last frame whose sectors were never written is cut off', async () => {
  const { content, ends } = await written()
  const file = nextFile()
  const torn = content.slice()
  torn.fill(0, ends[1])
  await writeFile(file, torn)
  await using journal = await openJournal(file)
  expect(await records(journal)).toEqual(FRAMES.slice(0, 2).flat())
})

test('sectors missing before the last frame are damage', async () => {
  const { content, ends } = await written()
  const file = nextFile()
  content.fill(0, ends[0], ends[1])
  await writeFile(file, content)
  await expect(openJournal(file)).rejects.toMatchObject({ code: 'journal-damaged' })
})

test('a frame in another place than its own is damage', async () => {
  const { content, ends } = await written()
  const [first = 0, second = 0] = ends
  for (const bytes of [
    [content.subarray(0, first), content.subarray(16, first)],
    [content.subarray(0, 16), content.subarray(first, second)],
    [content.subarray(0, 16), content.subarray(first, second), content.subarray(16, first)],
  ]) {
    const file = nextFile()
    await writeFile(file, concat(...bytes))
    await expect(openJournal(file)).rejects.toMatchObject({ code: 'journal-damaged' })
  }
})

test('nothing is kept before the disk says so', async () => {
  const file = nextFile()
  await using journal = await openJournal(file)
  const handle = await open(file)
  await using stack = new AsyncDisposableStack()
  stack.defer(() => handle.close())
  // All file handles share their methods.
  const handles: FileHandle = Object.getPrototypeOf(handle)
  const synced = Promise.withResolvers<void>()
  const datasync = vi.spyOn(handles, 'datasync').mockReturnValueOnce(synced.promise)
  stack.defer(() => datasync.mockRestore())
  let isKept = false
  const kept = journal.append([bytes(10, 1)]).then(() => (isKept = true))
  await vi.waitFor(() => expect(datasync).toHaveBeenCalled())
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(isKept).toBe(false)
  synced.resolve()
  await kept
})

test('random bytes are no journal', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 16, maxLength: 200 }), async (random) => {
      const file = nextFile()
      await writeFile(file, random)
      await expect(openJournal(file)).rejects.toMatchObject({ code: 'journal-foreign' })
    }),
    { numRuns: 50 },
  )
})

test('a record that rots while the journal is open is not handed out', async () => {
  const file = nextFile()
  await using journal = await openJournal(file)
  const [position = 0] = await journal.append([bytes(50, 1)])
  const content = await readFile(file)
  content[position + 20] = 255
  await writeFile(file, content)
  await expect(journal.load(position)).rejects.toMatchObject({ code: 'journal-damaged' })
})

test('one journal is open once', async () => {
  const file = nextFile()
  {
    await using held = await openJournal(file)
    await expect(openJournal(file)).rejects.toMatchObject({ code: 'journal-locked' })
    expect(await records(held)).toEqual([])
  }
  await using again = await openJournal(file)
  expect(await records(again)).toEqual([])
})

test('another process cannot open it, until this one is killed', async () => {
  const file = nextFile()
  const source = `
    import { openJournal } from '@hypermesh/consensus'
    globalThis.kept = await openJournal(process.argv[1])
    setInterval(() => undefined, 1000)
    process.stdout.write('open')`
  const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', source, file], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(child.stdout, 'data')
    await expect(openJournal(file)).rejects.toMatchObject({ code: 'journal-locked' })
  } finally {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  await using journal = await openJournal(file)
  expect(await records(journal)).toEqual([])
})

test('a journal takes no record over its limit, and nothing once it is closed', async () => {
  const journal = await openJournal(nextFile())
  expect(() => journal.append([new Uint8Array(8 * 1024 * 1024 + 1)])).toThrow('over')
  await journal[Symbol.asyncDispose]()
  await expect(journal.append([bytes(1, 1)])).rejects.toMatchObject({ code: 'closed' })
})

test('after a failed write, nothing more is written: what is on the disk is not known', async () => {
  const file = nextFile()
  // A limit on the size of files makes the second write fail as a full disk would.
  const source = `
    import { openJournal } from '@hypermesh/consensus'
    const journal = await openJournal(process.argv[1])
    await journal.append([new Uint8Array(100)])
    const codes = []
    for (const length of [1_000_000, 1]) {
      await journal.append([new Uint8Array(length)]).catch((error) => codes.push(error.code))
    }
    process.stdout.write(codes.join(' '))`
  const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']
  const script = 'ulimit -f 100; exec "$0" "$@"'
  const argv = ['-c', script, process.execPath, ...flags, '--input-type=module', '-e', source, file]
  const child = spawn('bash', argv, {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Uint8Array) => (output += new TextDecoder().decode(chunk)))
  await once(child, 'close')
  expect(output).toBe('journal-failed journal-failed')
  await using journal = await openJournal(file)
  expect(await records(journal)).toEqual([new Uint8Array(100)])
})

async function written(): Promise<{ content: Uint8Array; ends: readonly number[] }> {
  const file = nextFile()
  const ends: number[] = []
  await using journal = await openJournal(file)
  for (const frame of FRAMES) {
    await journal.append(frame)
    ends.push((await readFile(file)).length)
  }
  return { content: new Uint8Array(await readFile(file)), ends }
}

async function records(journal: Journal): Promise<Uint8Array[]> {
  const all: Uint8Array[] = []
  for await (const { record } of journal.read()) all.push(new Uint8Array(record))
  return all
}

function nextFile(): string {
  return join(directory, `${files++}`)
}

function bytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 1 + ((index * 7 + seed * 31) % 255))
}
