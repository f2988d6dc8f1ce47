/**
 * Nodes of one mesh in one process, on one thread, over QUIC on the loopback: what the wiring costs. Machines of their
 * own are faster in all but the network between them.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createNode } from '@hypermesh/bootstrap'
import type { MeshNode } from '@hypermesh/bootstrap'

const SUBMITS = 200
const PARTS = 8
const PART_SIZE = 4 * 1024 * 1024

export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  await using scope = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'hypermesh-bench-'))
  scope.defer(() => rm(directory, { recursive: true }))

  const phases = await joinMs(join(directory, 'two'), 2, scope)
  print(`two nodes through the phases   ${phases.ms} ms`)

  const { nodes, ms } = await joinMs(join(directory, 'four'), 4, scope)
  print(`four nodes through the phases  ${ms} ms`)

  const times = await finality(nodes)
  const p50 = times[Math.floor(times.length * 0.5)] ?? 0
  const p99 = times[Math.floor(times.length * 0.99)] ?? 0
  print(`an operation to finality       p50 ${p50} ms, p99 ${p99} ms (${SUBMITS}, one by one)`)

  const started = performance.now()
  await Promise.all(nodes.map((node) => node.lend()))
  const lendMs = Math.round(performance.now() - started)
  print(`four nodes register all assets ${lendMs} ms`)

  const job = await throughMemory(nodes)
  print(`parts into others' memory      ${job.storeMBps} MB/s, two copies of each`)
  print(
    `a job that reads them          ${job.readMBps} MB/s from others' memory, sandboxes included`,
  )
  return { twoJoinMs: phases.ms, fourJoinMs: ms, p50Ms: p50, p99Ms: p99, lendMs, ...job }
}

async function joinMs(
  directory: string,
  of: number,
  scope: AsyncDisposableStack,
): Promise<{ readonly nodes: readonly MeshNode[]; readonly ms: number }> {
  const nodes = await Promise.all(
    Array.from({ length: of }, async (_, index) => {
      const share = { index, of }
      const name = `node-${index}`
      const passphrase = 'correct horse battery staple'
      return scope.use(
        await createNode({ name, directory: join(directory, name), passphrase, share }),
      )
    }),
  )
  const root = (await nodes[0]?.found('bench')) ?? new Uint8Array()
  const members = nodes.map(({ card }) => ({ ...card, stake: 1n }))
  const started = performance.now()
  await Promise.all(nodes.map((node) => node.join({ mesh: 'bench', root, founder: 0, members })))
  return { nodes, ms: Math.round(performance.now() - started) }
}

/** Milliseconds of each, in ascending order. */
async function finality(nodes: readonly MeshNode[]): Promise<readonly number[]> {
  const times: number[] = []
  for (let number = 0; number < SUBMITS; number++) {
    const node = nodes[number % nodes.length]
    const known = node?.ledger?.names().find(({ name }) => name === node.card.name)
    if (!node?.ledger || !known) throw new Error('the node has not joined')
    const { name, falcon, host, port } = known
    const sequence = BigInt(number + 10)
    const started = performance.now()
    const said = await node.ledger.submit({ type: 'name', name, falcon, host, port, sequence })
    if (!said.ok) throw new Error(said.reason)
    times.push(round(performance.now() - started))
  }
  return times.toSorted((a, b) => a - b)
}

async function throughMemory(
  nodes: readonly MeshNode[],
): Promise<{ readonly storeMBps: number; readonly readMBps: number }> {
  const parts = Array.from({ length: PARTS }, (_, part) => new Uint8Array(PART_SIZE).fill(part))
  const before = nodes.reduce((sum, node) => sum + node.status().remoteBytes, 0)
  const report = await nodes[0]?.run({
    program: {
      language: 'javascript',
      source: 'function main(input) { return String(input.length) }',
    },
    parts,
    isolation: 'isolate',
    limits: { wallMs: 20_000, memoryBytes: 256 * 1024 * 1024, outputMax: 1000 },
  })
  const { storeMs = 1, runMs = 1, rerunMs = 0 } = report?.figures ?? {}
  const read = nodes.reduce((sum, node) => sum + node.status().remoteBytes, 0) - before
  return {
    storeMBps: round((2 * PARTS * PART_SIZE) / 1000 / storeMs),
    readMBps: round(read / 1000 / (runMs + rerunMs)),
  }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
