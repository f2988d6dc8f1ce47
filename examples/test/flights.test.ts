import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']
const command = [...flags, 'packages/nexus/src/bin.ts', 'mesh', 'examples/flights/job.ts']

// The command itself compares with a plain computation and checks every receipt; here it is believed.
test('three million flights survive the loss of a node', { timeout: 150_000 }, async () => {
  const child = spawn(process.execPath, [...command, '--kill-one', '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => (stdout += data))
  child.stderr.on('data', (data) => (stderr += data))
  const [code] = await once(child, 'close')
  expect(stderr).toBe('')
  expect(code).toBe(0)
  const lines = stdout.trim().split('\n')
  const events = lines.slice(0, -1).map((line) => JSON.parse(line).event)
  const summary = JSON.parse(lines.at(-1) ?? '')
  expect(events).toContain('killed')
  expect(summary.ok).toBe(true)
  expect(summary.nodes.filter(({ alive }: { alive: boolean }) => !alive).length).toBe(1)
  expect(summary.receipts.length).toBe(24)
  expect(summary.result.length).toBe(229)
  // O'Hare, as anybody can count it in the file: 166,341 flights, 1,542,589 minutes late in all.
  expect(summary.result[0]).toMatchObject({
    airport: 'ORD',
    flights: 166_341,
    mean: 1_542_589 / 166_341,
  })
  expect(summary.remoteBytes).toBeGreaterThan(3_000_000)
})
