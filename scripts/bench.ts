/**
 * `pnpm bench PACKAGE [--json]`: runs benchmarks/PACKAGE.ts.
 *
 * A benchmark module exports `run(print)`: it prints what a person wants to read and returns its figures.
 * With --json the last line is one JSON object with them.
 */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

interface Benchmark {
  run(print: (line: string) => void): Promise<Record<string, number>>
}

const folder = join(import.meta.dirname, '..', 'benchmarks')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' } },
})
const [name = ''] = positionals

if (!/^[a-z-]+$/.test(name) || !existsSync(join(folder, `${name}.ts`))) {
  const known = readdirSync(folder).filter((file) => file.endsWith('.ts'))
  console.error(`usage: pnpm bench PACKAGE [--json], where PACKAGE is one of:`)
  for (const file of known) console.error(`  ${file.slice(0, -3)}`)
  process.exit(2)
}

const benchmark = (await import(join(folder, `${name}.ts`))) as Benchmark
const figures = await benchmark.run((line) => console.log(line))
if (values.json) console.log(JSON.stringify({ package: name, figures }))
