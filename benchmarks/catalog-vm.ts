import type { Isolation, Language } from '@hypermesh/catalog-vm'
import { openCatalog } from '@hypermesh/catalog-vm'
import {
  simulatedClock,
  simulatedLeases,
  simulatedMounts,
  simulatedProofs,
  simulatedReceipts,
} from '@hypermesh/catalog-vm/testing'
import { generateSigningKey } from '@hypermesh/crypto'
import { findProgram, run as runProgram } from '@hypermesh/host'

const ROUNDS = 11
const LIMITS = { wallMs: 20_000, memoryBytes: 2 ** 27, outputMax: 1024 }
const SOURCES = { javascript: 'function main(input) { return input }', python: 'pass' } as const
const LEVELS: readonly Isolation[] = ['kernel', 'namespace', 'isolate']

interface Contender {
  readonly name: string
  readonly start: () => Promise<void>
}

/**
 * Cold start of a trivial program: each engine beside the bare interpreter. Contenders take turns, so that a busy
 * moment of the machine falls on all of them; figures are medians in milliseconds of wall time.
 */
export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const contenders = [...bare(), ...(await confined(print))]
  const times = new Map(contenders.map(({ name }) => [name, [] as number[]]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const { name, start } of contenders) {
      const before = performance.now()
      await start()
      times.get(name)?.push(performance.now() - before)
    }
  }
  const figures: Record<string, number> = {}
  for (const [name, taken] of times) {
    const median = taken.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0
    figures[`${name} ms`] = Math.round(median * 10) / 10
    print(`${name.padEnd(28)} ${median.toFixed(1).padStart(7)} ms`)
  }
  return figures
}

function bare(): readonly Contender[] {
  const python = findProgram('/usr/bin/python3') ?? findProgram('python3')
  const commands: readonly [string, ...string[]][] = [
    [process.execPath, '-e', ''],
    ...(python === undefined ? [] : [[python, '-c', 'pass'] as [string, ...string[]]]),
  ]
  return commands.map((argv, index) => ({
    name: `bare ${index === 0 ? 'javascript' : 'python'}`,
    start: async () => {
      const finished = await runProgram({ argv, outputMax: 0, errorMax: 1024, timeoutMs: 10_000 })
      if (finished.exitCode !== 0) throw new Error(`${argv[0]} ended with ${finished.exitCode}`)
    },
  }))
}

async function confined(print: (line: string) => void): Promise<readonly Contender[]> {
  const contenders: Contender[] = []
  for (const level of LEVELS) {
    const catalog = await openCatalog({
      executor: generateSigningKey('ed25519'),
      leases: simulatedLeases(),
      mounts: simulatedMounts(),
      proofs: simulatedProofs(),
      receipts: simulatedReceipts(),
      clock: simulatedClock(),
      levels: [level],
    })
    for (const report of catalog.engines) {
      for (const reason of report.reasons) print(`${level}: ${reason}`)
      for (const language of Object.keys(report.runtimes) as Language[]) {
        const program = { language, source: SOURCES[language] }
        const start = async (): Promise<void> => {
          const executed = await catalog.execute(program, new Uint8Array(8), LIMITS, level)
          if (!executed.ok) throw new Error(executed.refusal.reason)
        }
        contenders.push({ name: `${level} ${language}`, start })
      }
    }
  }
  return contenders
}
