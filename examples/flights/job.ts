/**
 * The job that `pnpm mesh` carries through a four-node mesh.
 *
 * A job module exports `job`: what runs, on which parts of an input, how the outputs become a table, and
 * what one process without a mesh computes from the same input.
 */

import { readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'

import type { MeshJob } from '@hypermesh/nexus'

import { main } from './delays.ts'
import { cut, readDelays } from './flights.ts'

/** Six a node: small enough that a lost one costs little, large enough that a lease is worth its order. */
const PARTS = 24

const SHOWN = 10

type Row = {
  readonly airport: string
  readonly flights: number
  readonly mean: number
  readonly low: number
  readonly high: number
}

export const job: MeshJob = {
  name: 'flights',
  title: 'mean delay of 3,000,000 US flights by airport, with 95 % bootstrap intervals',
  program: { language: 'javascript', source: sandboxed(new URL('delays.ts', import.meta.url)) },
  parts: async () => cut(await readDelays(), PARTS),
  plain: (part) => new TextEncoder().encode(main(part)),
  table(outputs) {
    const rows = outputs
      .flatMap((output) => new TextDecoder().decode(output).split('\n'))
      .map((line) => JSON.parse(line) as Row)
      .sort((a, b) => b.flights - a.flights || (a.airport < b.airport ? -1 : 1))
    return { columns: ['airport', 'flights', 'mean', 'low', 'high'], rows, shown: SHOWN }
  },
}

// A sandboxed script is plain JavaScript that declares `main`: no types, no exports.
function sandboxed(module: URL): string {
  return stripTypeScriptTypes(readFileSync(module, 'utf8')).replace(/^export /gm, '')
}
