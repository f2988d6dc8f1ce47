import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ISOLATIONS, openCatalog } from '@hypermesh/catalog-vm'
import {
  simulatedClock,
  simulatedLeases,
  simulatedMounts,
  simulatedProofs,
  simulatedReceipts,
} from '@hypermesh/catalog-vm/testing'
import { generateSigningKey } from '@hypermesh/crypto'
import { createCgroup, probeCgroups } from '@hypermesh/host'
import { expect, test } from 'vitest'
import { busy, descendants, eventually, isRunning } from './processes.ts'

const NODE = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']

const ENDLESS = `
import { openCatalog } from '@hypermesh/catalog-vm'
import { generateSigningKey } from '@hypermesh/crypto'
const none = {}
const catalog = await openCatalog({
  executor: generateSigningKey('ed25519'), levels: [process.argv[1]],
  leases: none, mounts: none, proofs: none, receipts: none, clock: none,
})
const [report] = catalog.engines
process.stdout.write(report.isAvailable ? 'running' : 'skipped: ' + report.reasons.join())
const program = { language: 'javascript', source: 'function main() { for (;;); }' }
const limits = { wallMs: 60_000, memoryBytes: 2 ** 26, outputMax: 0 }
await catalog.execute(program, new Uint8Array(0), limits, process.argv[1])
`

test.each(ISOLATIONS)(
  'a program in a sandbox (%s) ends when its executor is killed',
  async (level) => {
    const child = spawn(process.execPath, [...NODE, '--input-type=module', '-e', ENDLESS, level], {
      cwd: import.meta.dirname,
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = child.pid ?? 0
    const said: Uint8Array[] = await once(child.stdout, 'data')
    const words = new TextDecoder().decode(said[0])
    if (words !== 'running') {
      process.stdout.write(`${level} ${words}\n`)
      return
    }
    await eventually(() => busy(pid) !== undefined)
    const started = descendants(pid)
    child.kill('SIGKILL')
    await once(child, 'close')
    await eventually(() => started.every((each) => !isRunning(each)))
    expect(started.length).toBeGreaterThan(0)
    // An executor that is killed cannot remove the job's control group; the next one does.
    const left = () => foldersNamed('/sys/fs/cgroup', `hypermesh-job-${pid}-`, 4)
    expect(left().length > 0).toBe(probeCgroups().available)
    // The kernel lets go of a group a moment after its last process.
    for (let tries = 0; tries < 20 && left().length > 0; tries++) {
      await openCatalog({ ...simulated(), levels: [] })
    }
    expect(left()).toEqual([])
  },
)

const groups = probeCgroups()
if (!groups.available) process.stdout.write(`skipped: ${groups.reason}\n`)

test.skipIf(!groups.available)('the group of an executor that lives is left alone', async () => {
  const group = createCgroup(`job-${process.pid}-0123456789ab`, { pids: 8 })
  try {
    await openCatalog({ ...simulated(), levels: [] })
    expect(group.procsFiles.filter((file) => !existsSync(file))).toEqual([])
  } finally {
    await group.remove()
  }
})

function simulated() {
  return {
    executor: generateSigningKey('ed25519'),
    leases: simulatedLeases(),
    mounts: simulatedMounts(),
    proofs: simulatedProofs(),
    receipts: simulatedReceipts(),
    clock: simulatedClock(),
  }
}

function foldersNamed(folder: string, prefix: string, depth: number): readonly string[] {
  // Groups of others come and go meanwhile.
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  )
  return entries.flatMap(({ name }) => {
    if (name.startsWith(prefix)) return [join(folder, name)]
    return depth > 0 ? foldersNamed(join(folder, name), prefix, depth - 1) : []
  })
}
