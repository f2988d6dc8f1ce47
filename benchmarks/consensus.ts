/**
 * Four validators in one process, on one thread: real signatures, real journals, messages by way of the event loop.
 * What a mesh adds is the time of its network; what it takes away is that here all four share one core.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openConsensus, openJournal } from '@hypermesh/consensus'
import type { Clock, Consensus, Network } from '@hypermesh/consensus'
import { keyValue, keyValueOperation } from '@hypermesh/consensus/testing'
import { generateSigningKey, sha256 } from '@hypermesh/crypto'

const NODES = 4
const ONE_BY_ONE = 300
const AT_ONCE = 4000
const IN_FLIGHT = 500

const clock: Clock = {
  now: () => BigInt(Date.now()),
  wake: (at, run) => {
    const timer = setTimeout(run, Math.max(0, Number(at) - Date.now()))
    return () => clearTimeout(timer)
  },
}

export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const directory = await mkdtemp(join(tmpdir(), 'hypermesh-bench-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(directory, { recursive: true }))
  const nodes = await open(directory, stack)

  const times: number[] = []
  const value = 'v'.repeat(200)
  for (let number = 0; number < ONE_BY_ONE; number++) {
    const began = performance.now()
    await submit(nodes, number, `one ${number}`, value)
    times.push(performance.now() - began)
  }
  times.sort((a, b) => a - b)

  const began = performance.now()
  let next = 0
  const stream = async (): Promise<void> => {
    for (let number = next++; number < AT_ONCE; number = next++) {
      await submit(nodes, number, `many ${number}`, value)
    }
  }
  const before = nodes[0]?.head()?.header.height ?? 0n
  await Promise.all(Array.from({ length: IN_FLIGHT }, stream))
  const seconds = (performance.now() - began) / 1000
  const blocks = Number((nodes[0]?.head()?.header.height ?? 0n) - before)

  const idle = process.cpuUsage()
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const { user, system } = process.cpuUsage(idle)

  const figures = {
    finalityP50Ms: round(times[Math.floor(times.length * 0.5)] ?? 0),
    finalityP99Ms: round(times[Math.floor(times.length * 0.99)] ?? 0),
    operationsPerSecond: Math.round(AT_ONCE / seconds),
    blocksPerSecond: round(blocks / seconds),
    idleCpuPercent: round((user + system) / 20_000),
  }
  print(`${NODES} validators in one process, operations of 200 bytes, journals in ${directory}`)
  print(
    `one by one:   final after ${figures.finalityP50Ms} ms (p50), ${figures.finalityP99Ms} ms (p99)`,
  )
  print(
    `${IN_FLIGHT} at a time: ${figures.operationsPerSecond} operations/s, ${figures.blocksPerSecond} blocks/s`,
  )
  print(`idle:         ${figures.idleCpuPercent} % of one core for all ${NODES}`)
  return figures
}

async function open(directory: string, stack: AsyncDisposableStack): Promise<Consensus[]> {
  const keys = Array.from({ length: NODES }, () => generateSigningKey('ed25519'))
  const validators = keys.map(({ publicKey }) => ({ key: publicKey, stake: 1n }))
  const chainId = sha256(new TextEncoder().encode('benchmark'))
  const networks = loopback(NODES)
  const nodes: Consensus[] = []
  for (const [index, network] of networks.entries()) {
    const key = keys[index]
    if (key === undefined) continue
    const storage = stack.use(await openJournal(join(directory, `journal ${index}`)))
    const shared = { chainId, validators, clock, application: keyValue, genesis: [] }
    const node = await openConsensus({ ...shared, self: { index, key }, network, storage })
    nodes.push(stack.use(node))
  }
  return nodes
}

async function submit(
  nodes: Consensus[],
  number: number,
  key: string,
  value: string,
): Promise<void> {
  const result = await nodes[number % NODES]?.submit(keyValueOperation(key, value))
  if (!result?.ok) throw new Error(result?.reason)
}

function loopback(nodes: number): Network[] {
  const receivers: ((from: number, message: Uint8Array) => void)[] = []
  return Array.from({ length: nodes }, (_, index): Network => {
    const send = (to: number, message: Uint8Array): void => {
      if (to !== index) setImmediate(() => receivers[to]?.(index, message))
    }
    return {
      send,
      broadcast: (message) => {
        for (let to = 0; to < nodes; to++) send(to, message)
      },
      onMessage: (receive) => {
        receivers[index] = receive
      },
    }
  })
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
