/**
 * What a newcomer waits for: the first line, and a small job through a new mesh of four nodes.
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const ROUNDS = 5

const root = join(import.meta.dirname, '..')
const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']
const command = [...flags, 'packages/nexus/src/bin.ts', 'mesh', 'examples/nexus.ts', '--json']

interface Round {
  readonly firstLineMs: number
  readonly totalMs: number
  readonly phasesMs: number
  readonly runMs: number
}

export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const rounds: Round[] = []
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure())
  const figures: Record<string, number> = {}
  for (const name of ['firstLineMs', 'phasesMs', 'runMs', 'totalMs'] as const) {
    const values = rounds.map((each) => each[name]).sort((a, b) => a - b)
    figures[name] = Math.round(values[Math.floor(ROUNDS / 2)] ?? 0)
    print(`${name.padEnd(12)} ${figures[name]} (${values.map(Math.round).join(' ')})`)
  }
  return figures
}

async function measure(): Promise<Round> {
  const start = performance.now()
  const child = spawn(process.execPath, command, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let firstLineMs = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    if (output === '') firstLineMs = performance.now() - start
    output += text
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the mesh ended with ${code}`)
  const summary = JSON.parse(output.trim().split('\n').at(-1) ?? '')
  const phasesMs = summary.phases.reduce((sum: number, { ms }: { ms: number }) => sum + ms, 0)
  return { firstLineMs, totalMs: performance.now() - start, phasesMs, runMs: summary.figures.runMs }
}
