import type { EngineReport } from '@hypermesh/catalog-vm'
import { findProgram, run } from '@hypermesh/host'
import { expect, test } from 'vitest'

const REPORT = `
import { openCatalog } from '@hypermesh/catalog-vm'
import { generateSigningKey } from '@hypermesh/crypto'
const none = {}
const catalog = await openCatalog({
  executor: generateSigningKey('ed25519'),
  leases: none, mounts: none, proofs: none, receipts: none, clock: none,
})
const limits = { wallMs: 20_000, memoryBytes: 2 ** 26, outputMax: 64 }
const execute = async (language, source) => {
  const executed = await catalog.execute({ language, source }, new Uint8Array(0), limits, 'isolate')
  return executed.ok ? new TextDecoder().decode(executed.output) : executed.refusal.code
}
const hog = 'function main() { const list = []; for (;;) list.push(new Uint8Array(1e6).fill(1)) }'
console.log(JSON.stringify({
  engines: catalog.engines,
  javascript: await execute('javascript', 'function main() { return "done" }'),
  hog: await execute('javascript', hog),
}))`

const setpriv = findProgram('setpriv')
const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups']

async function reason(): Promise<string> {
  if (process.getuid?.() !== 0) return 'the other tests run as an ordinary user already'
  if (setpriv === undefined) return 'no setpriv to become an ordinary user with'
  const reading = [
    setpriv,
    ...nobody,
    process.execPath,
    '-e',
    `require('fs').readFileSync(process.argv[1])`,
  ] as const
  const limits = { outputMax: 1024, errorMax: 65_536, timeoutMs: 10_000 }
  const finished = await run({ argv: [...reading, import.meta.filename], ...limits })
  return finished.exitCode === 0 ? '' : 'an ordinary user cannot read this folder'
}

const skip = await reason()
if (skip !== '') process.stdout.write(`skipped: ${skip}\n`)

test.skipIf(skip !== '')(
  'an ordinary user has engines too, and they hold memory without a control group',
  async () => {
    const node = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']
    const finished = await run({
      argv: [
        setpriv ?? '',
        ...nobody,
        process.execPath,
        ...node,
        '--input-type=module',
        '-e',
        REPORT,
      ],
      cwd: import.meta.dirname,
      env: { PATH: process.env['PATH'] ?? '' },
      outputMax: 65_536,
      errorMax: 65_536,
      timeoutMs: 25_000,
    })
    expect(new TextDecoder().decode(finished.stderr)).toBe('')
    const said = JSON.parse(new TextDecoder().decode(finished.stdout))
    expect(said).toMatchObject({ javascript: 'done', hog: 'memory' })
    expect(said.engines.flatMap(({ holes }: EngineReport) => holes)).toEqual([])
    const namespace = said.engines[1]
    if (!namespace.isAvailable) return
    // Several processes of one job would each have the whole of its memory.
    expect(namespace.runtimes).not.toHaveProperty('python')
    expect(namespace.reasons.join()).toMatch(/control group/)
  },
)
