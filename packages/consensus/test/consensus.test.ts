import {
  openConsensus,
  verifyEvidence,
  verifyFinalized,
  verifyOperation,
  verifyStatePath,
} from '@hypermesh/consensus'
import type { Consensus, Network, Storage, Validator } from '@hypermesh/consensus'
import {
  keyValue,
  keyValueOperation,
  networkTests,
  simulate,
  simulatedStorage,
  storageTests,
} from '@hypermesh/consensus/testing'
import type { Simulation, Weather } from '@hypermesh/consensus/testing'
import { sha256, signingKeyFromSeed } from '@hypermesh/crypto'
import { expect, test } from 'vitest'

const CHAIN = sha256(new TextEncoder().encode('test chain'))
const keys = [0, 1, 2, 3].map((index) =>
  signingKeyFromSeed('ed25519', new Uint8Array(32).fill(index + 1)),
)
const validators: readonly Validator[] = keys.map(({ publicKey }) => ({
  key: publicKey,
  stake: 1n,
}))

storageTests('a simulated storage', test, async () => simulatedStorage())
networkTests('a simulated network', test, async (nodes) => {
  const world = simulate({ seed: 1, nodes })
  const networks = Array.from({ length: nodes }, (_, index) => world.network(index))
  return { networks, settle: () => world.run(100) }
})

test('four validators make an operation final, with proof of its place and of what it wrote', async () => {
  await using mesh = await open()
  const operation = keyValueOperation('colour', 'blue')
  const submitted = mesh.nodes[0]!.submit(operation)
  await mesh.world.run(100)
  const result = await submitted
  if (!result.ok) throw new Error(result.reason)
  const { finalized, place } = result
  expect(verifyFinalized(finalized, validators, CHAIN)).toBe(true)
  expect(verifyOperation(finalized.header, operation, place)).toBe(true)
  for (const node of mesh.nodes) {
    const path = node.state().prove(new TextEncoder().encode('colour'))
    expect(new TextDecoder().decode(path.value)).toBe('blue')
    expect(verifyStatePath(node.head()!.header.stateRoot, path)).toBe(true)
  }
})
interface Mesh extends AsyncDisposable {
  readonly world: Simulation
  readonly nodes: Consensus[]
}

async function open(weather: Partial<Weather> = {}): Promise<Mesh> {
  const world = simulate({ seed: 1, nodes: 4, ...weather })
  const nodes = await Promise.all(
    keys.map((_, index) => openNode(world, index, simulatedStorage())),
  )
  return {
    world,
    nodes,
    [Symbol.asyncDispose]: async () => {
      for (const node of nodes) await node[Symbol.asyncDispose]()
    },
  }
}

function openNode(
  world: Simulation,
  index: number,
  storage: Storage,
  network: Network = world.network(index),
): Promise<Consensus> {
  const key = keys[index]
  return openConsensus({
    chainId: CHAIN,
    validators,
    ...(key && { self: { index, key } }),
    network,
    clock: world.clock,
    storage,
    application: keyValue,
    genesis: [],
  })
}
