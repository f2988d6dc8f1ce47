import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { ISOLATIONS } from '@hypermesh/catalog-vm'
import { expect, test } from 'vitest'

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
    await eventually(() => busy(descendants(pid)))
    const started = descendants(pid)
    child.kill('SIGKILL')
    await once(child, 'close')
    await eventually(() => started.every((each) => !isRunning(each)))
    // An executor that is killed cannot remove the job's control group, which is empty now.
    removeGroups('/sys/fs/cgroup', `hypermesh-job-${pid}-`, 4)
    expect(started.length).toBeGreaterThan(0)
  },
)

interface Stat {
  readonly parent: number
  readonly state: string
  readonly ticks: number
}

// proc(5): state, ppid and utime, after the name in parentheses.
function stat(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const words = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state: words[0] ?? '', parent: Number(words[1]), ticks: Number(words[11]) }
  } catch {
    return undefined
  }
}

function isRunning(pid: number): boolean {
  const found = stat(pid)
  return found !== undefined && found.state !== 'Z'
}

function descendants(root: number): readonly number[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger)
  const parents = new Map(pids.map((pid) => [pid, stat(pid)?.parent ?? 0]))
  const isBelow = (pid: number): boolean => {
    for (let at = parents.get(pid) ?? 0; at > 0; at = parents.get(at) ?? 0)
      if (at === root) return true
    return false
  }
  return pids.filter(isBelow)
}

// A fifth of a second of processor time: the program itself is at work, not what starts it.
function busy(pids: readonly number[]): boolean {
  return pids.some((pid) => (stat(pid)?.ticks ?? 0) > 20)
}

async function eventually(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    expect(performance.now()).toBeLessThan(deadline)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

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
