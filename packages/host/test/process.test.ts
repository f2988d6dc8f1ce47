import type { Finished, RunOptions } from '@hypermesh/host'
import { findProgram, run } from '@hypermesh/host'
import { expect, test } from 'vitest'
import { hasEnded, text } from './children.ts'

const limits = { outputMax: 65_536, errorMax: 65_536, timeoutMs: 10_000 }
const environment = { PATH: '/usr/bin:/bin' }

function shell(script: string, options: Partial<RunOptions> = {}): Promise<Finished> {
  return run({ argv: ['sh', '-c', script], env: environment, ...limits, ...options })
}

test.each([
  { script: 'exit 0', exitCode: 0, signal: null },
  { script: 'exit 7', exitCode: 7, signal: null },
  { script: 'kill -TERM $$', exitCode: null, signal: 'SIGTERM' },
])('"$script" ends with code $exitCode and signal $signal', async ({ script, ...expected }) => {
  expect(await shell(script)).toMatchObject({ ...expected, ended: 'exit' })
})

test('arguments reach the program as they are, whatever a shell would make of them', async () => {
  const hostile = ['$(id)', '; ls', '`id`', "'", '"', '*', '', '\n']
  const { stdout } = await run({ argv: ['printf', '%s|', ...hostile], env: {}, ...limits })
  expect(text(stdout)).toBe(hostile.map((each) => `${each}|`).join(''))
})

test('the environment is what was given and nothing of ours', async () => {
  process.env['HYPERMESH_SECRET_OF_THE_PARENT'] = 'secret'
  const given = await run({ argv: ['env'], env: { ONLY: 'this' }, ...limits })
  const none = await run({ argv: ['env'], ...limits })
  delete process.env['HYPERMESH_SECRET_OF_THE_PARENT']
  expect(text(given.stdout)).toBe('ONLY=this\n')
  expect(text(none.stdout)).toBe('')
})

test('input goes in, output and errors come out apart', async () => {
  const stdin = new TextEncoder().encode('from the parent')
  const finished = await shell('cat; echo complaint >&2', { stdin })
  expect(text(finished.stdout)).toBe('from the parent')
  expect(text(finished.stderr)).toBe('complaint\n')
  expect(finished.wallMs).toBeGreaterThan(0)
})

test('a child that does not read its input is no error', async () => {
  const finished = await run({ argv: ['true'], stdin: new Uint8Array(2 ** 21), ...limits })
  expect(finished).toMatchObject({ exitCode: 0, ended: 'exit' })
})

test.each([
  { stream: 'stdout', script: 'yes' },
  { stream: 'stderr', script: 'yes >&2' },
] as const)('$stream without end is cut at its limit and the child ended', async (row) => {
  const finished = await shell(row.script, { outputMax: 1_000, errorMax: 1_000 })
  expect(finished.ended).toBe('output-limit')
  expect(finished[row.stream].length).toBe(1_000)
})

test('output of exactly the limit is whole and its child ends by itself', async () => {
  const finished = await run({ argv: ['printf', '%s', 'x'.repeat(100)], ...limits, outputMax: 100 })
  expect(finished).toMatchObject({ exitCode: 0, ended: 'exit' })
  expect(finished.stdout.length).toBe(100)
})

test('a child that overstays is ended with everything it started', async () => {
  const script = 'sleep 60 & echo $!; (sleep 60 & echo $!; wait) & echo $!; wait'
  const finished = await shell(script, { timeoutMs: 300 })
  expect(finished).toMatchObject({ ended: 'timeout', exitCode: null, signal: 'SIGKILL' })
  const pids = text(finished.stdout).trim().split('\n').map(Number)
  expect(pids).toHaveLength(3)
  for (const pid of pids) expect(await hasEnded(pid)).toBe(true)
})

test('a child that ends leaves no process of its group behind', async () => {
  const finished = await shell('sleep 60 & echo $!')
  expect(finished).toMatchObject({ ended: 'exit', exitCode: 0 })
  expect(finished.wallMs).toBeLessThan(5_000)
  expect(await hasEnded(Number(text(finished.stdout)))).toBe(true)
})

test.skipIf(findProgram('setsid') === undefined)(
  'someone who left the group with the pipes in hand does not hold the result up',
  async () => {
    const finished = await shell('setsid sleep 20 & echo $!; sleep 0.1')
    const pid = Number(text(finished.stdout))
    expect(finished).toMatchObject({ ended: 'exit', exitCode: 0 })
    expect(finished.wallMs).toBeLessThan(5_000)
    process.kill(pid, 'SIGKILL')
    expect(await hasEnded(pid)).toBe(true)
  },
)

test('an abort ends the child; one before the start keeps it from starting', async () => {
  const controller = new AbortController()
  const running = shell('sleep 60', {
    signal: controller.signal,
    onSpawn: () => setTimeout(() => controller.abort(), 20),
  })
  expect(await running).toMatchObject({ ended: 'aborted', signal: 'SIGKILL' })
  let started = false
  const late = await shell('true', { signal: controller.signal, onSpawn: () => (started = true) })
  expect(late).toMatchObject({ ended: 'aborted', exitCode: null })
  expect(started).toBe(false)
})

test('a caller that fails on hearing of the child gets its error, and the child is ended', async () => {
  let child = 0
  const running = shell('sleep 60', {
    onSpawn: (pid) => {
      child = pid
      throw new Error('no place for it')
    },
  })
  await expect(running).rejects.toThrow('no place for it')
  expect(await hasEnded(child)).toBe(true)
})

test.each([
  { name: 'no such program', options: { argv: ['no-such-program-here'] } },
  { name: 'a folder', options: { argv: ['/tmp'] } },
  { name: 'no such folder', options: { argv: ['true'], cwd: '/no/such/folder' } },
] as const)('$name cannot be started', async ({ options }) => {
  await expect(run({ ...limits, ...options })).rejects.toMatchObject({
    name: 'HostError',
    code: 'spawn-failed',
  })
})

test.each([
  { outputMax: -1 },
  { errorMax: 1.5 },
  { timeoutMs: 2 ** 31 },
  { argv: ['true', 'a\0b'] as const },
  { env: { A: 'a\0b' } },
])('%o is refused as misuse', async (wrong) => {
  const running = run({ argv: ['true'], ...limits, ...wrong })
  await expect(running).rejects.toMatchObject({ code: 'invalid-argument' })
})

test.each([
  { name: 'sh', found: true },
  { name: '/bin/sh', found: true },
  { name: 'no-such-program-here', found: false },
  { name: '/etc/passwd', found: false },
  { name: '/etc', found: false },
  { name: '', found: false },
  { name: 's\0h', found: false },
])('findProgram finds $name: $found', ({ name, found }) => {
  const path = findProgram(name)
  expect(path !== undefined).toBe(found)
  if (path !== undefined) expect(path.startsWith('/')).toBe(true)
})

test('a program is never looked for in the working folder', () => {
  const { PATH } = process.env
  process.env['PATH'] = '.:node_modules/.bin::'
  expect(findProgram('vitest')).toBeUndefined()
  process.env['PATH'] = PATH
})
