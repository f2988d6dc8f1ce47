import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { ISOLATIONS } from '@hypermesh/catalog-vm'
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
    // An executor that is killed cannot remove the job's control group, which is empty now.
    removeGroups('/sys/fs/cgroup', `hypermesh-job-${pid}-`, 4)
    expect(started.length).toBeGreaterThan(0)
  },
)

function removeGroups(folder: string, prefix: string, depth: number): void {
  let entries: readonly string[] = []
  try {
    entries = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
  } catch {
    return
  }
  for (const name of entries) {
    if (name.startsWith(prefix)) rmdirSync(join(folder, name))
    else if (depth > 0) removeGroups(join(folder, name), prefix, depth - 1)
  }
}
