import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

import type { Summary } from '@hypermesh/nexus'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..')
const bin = join(root, 'packages', 'nexus', 'src', 'bin.ts')
const letters = join(root, 'examples', 'nexus.ts')
const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']

// Whatever the command leaves behind is here.
let scratch = ''

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'nexus-'))
})

afterAll(() => rm(scratch, { recursive: true, force: true }))

interface Run {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...flags, bin, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: scratch },
  })
}

async function finish(child: ChildProcess): Promise<Run> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (data) => (stdout += data))
  child.stderr?.on('data', (data) => (stderr += data))
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

function summaryOf(lines: readonly Record<string, unknown>[]): Summary {
  const last: unknown = lines.at(-1)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what it holds is what the tests ask
  return last as Summary
}

function objects({ stdout }: Run): Record<string, unknown>[] {
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

/** Node processes whose arguments name the file that a mesh's node runs, by their parent. */
function nodesOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const isChild = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1]
        return isChild === String(parent)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** Waits until all four nodes of a command are there. */
async function nodesStarted(command: ChildProcess): Promise<readonly number[]> {
  for (;;) {
    const nodes = nodesOf(command.pid ?? 0)
    if (nodes.length === 4) return nodes
    await pause(20)
  }
}

const leftovers = (): string[] => readdirSync(scratch)

test('two meshes at once each carry a job, and leave nothing', { timeout: 120_000 }, async () => {
  const runs = await Promise.all([
    finish(start('mesh', letters, '--json')),
    finish(start('mesh', letters, '--json')),
  ])
  for (const run of runs) {
    expect(run.stderr).toBe('')
    expect(run.code).toBe(0)
    const lines = objects(run)
    expect(lines[0]).toMatchObject({ event: 'start', nodes: 4 })
    // It comes before the packages are read, or it would take longer.
    expect(lines[0]?.['ms']).toBeLessThan(1000)
    const summary = lines.at(-1)
    expect(summary).toMatchObject({
      ok: true,
      result: expect.arrayContaining([{ letter: 'e', count: 6 }]),
      phases: [{ phase: 0 }, { phase: 1 }, { phase: 2 }, { phase: 3 }],
      receipts: [{ verified: true }, { verified: true }, { verified: true }],
    })
    const { proofs, blocks, remoteBytes } = summaryOf(lines)
    // Three assets on each of four nodes, and each checked by four validators.
    expect(proofs.made).toBeGreaterThanOrEqual(12)
    expect(proofs.verified).toBeGreaterThanOrEqual(48)
    expect(blocks).toBeGreaterThan(10)
    expect(remoteBytes).toBeGreaterThan(0)
  }
  expect(leftovers()).toEqual([])
})

test('off a terminal it prints plain lines', { timeout: 60_000 }, async () => {
  const run = await finish(start('mesh', letters))
  expect(run.code).toBe(0)
  expect(run.stdout).not.toContain('\x1b')
  expect(run.stdout).toMatch(/^HyperMesh {2}4 nodes/)
  for (const phase of ['phase 0', 'phase 1', 'phase 2', 'phase 3'])
    expect(run.stdout).toContain(phase)
  expect(run.stdout).toContain('not faster than one')
  expect(run.stdout).toContain('3 of 3 verify')
})

test('Ctrl-C ends every node and removes every file', { timeout: 60_000 }, async () => {
  const child = start('mesh', letters)
  const run = finish(child)
  const nodes = await nodesStarted(child)
  await pause(1500)
  child.kill('SIGINT')
  expect((await run).code).toBe(130)
  expect(nodes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
  expect(leftovers()).toEqual([])
})

test(
  'it ends as after Ctrl-C when nobody reads its output any more',
  { timeout: 60_000 },
  async () => {
    const child = start('mesh', letters)
    const closed = once(child, 'close')
    await once(child.stdout!, 'data')
    const nodes = await nodesStarted(child)
    child.stdout!.destroy()
    const [code] = await closed
    expect(code).toBe(130)
    expect(nodes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
    expect(leftovers()).toEqual([])
  },
)

// The last: a command that is killed cannot remove its folder.
test('nodes end when the command that started them is killed', { timeout: 60_000 }, async () => {
  const child = start('mesh', letters)
  const run = finish(child)
  const nodes = await nodesStarted(child)
  await pause(1000)
  child.kill('SIGKILL')
  await run
  for (const end = Date.now() + 8000; Date.now() < end; await pause(50)) {
    if (nodes.every((pid) => !existsSync(`/proc/${pid}`))) break
  }
  expect(nodes.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([])
})

test.each([
  { args: ['mesh'], code: 1, says: "missing required argument 'job'" },
  { args: ['mesh', '/nowhere.ts'], code: 1, says: 'cannot be loaded' },
  { args: ['mesh', bin.replace('bin.ts', 'index.ts')], code: 1, says: 'exports no job' },
  { args: ['mesh', letters, '--isolation', 'none'], code: 1, says: 'Allowed choices are' },
  { args: ['mehs'], code: 1, says: 'Did you mean mesh?' },
])('$args is refused with what to do', { timeout: 20_000 }, async ({ args, code, says }) => {
  const run = await finish(start(...args))
  expect(run.code).toBe(code)
  expect(run.stderr).toContain(says)
})
