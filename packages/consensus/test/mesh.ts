/** Four validators in a simulated world. */
import { openConsensus } from '@hypermesh/consensus'
import type {
  Application,
  Clock,
  Consensus,
  ConsensusOptions,
  Network,
  Submitted,
  Validator,
} from '@hypermesh/consensus'
import { keyValue, simulate, simulatedStorage } from '@hypermesh/consensus/testing'
import type { SimulatedStorage, Simulation, Weather } from '@hypermesh/consensus/testing'
import { sha256, signingKeyFromSeed } from '@hypermesh/crypto'

export const CHAIN = sha256(new TextEncoder().encode('test chain'))
export const KEYS = [0, 1, 2, 3].map((index) =>
  signingKeyFromSeed('ed25519', new Uint8Array(32).fill(index + 1)),
)
export const VALIDATORS: readonly Validator[] = KEYS.map(({ publicKey }, index) => ({
  key: publicKey,
  stake: BigInt(index + 1),
}))

/** Kinds of votes on the wire. */
export const FINALIZE = 3

export interface NodeOptions {
  readonly application?: Application
  readonly clock?: Clock
  readonly storage?: SimulatedStorage
  /** Stands between the node and the network. */
  readonly through?: (network: Network) => Network
  readonly options?: Partial<ConsensusOptions>
}

export interface Mesh extends AsyncDisposable {
  readonly world: Simulation
  readonly nodes: (Consensus | undefined)[]
  readonly storages: SimulatedStorage[]
  /** Opens a node, again if need be; the one before must have been disposed of. */
  open(index: number, node?: NodeOptions): Promise<Consensus>
  close(index: number): Promise<void>
  node(index: number): Consensus
  /** Lets time pass until the operation is final, or no longer than `ms`. */
  submit(index: number, operation: Uint8Array, ms?: number): Promise<Submitted>
  heights(): bigint[]
}

export async function openMesh(
  weather: Partial<Weather> = {},
  nodes: readonly (NodeOptions | undefined)[] = [{}, {}, {}, {}],
): Promise<Mesh> {
  const world = simulate({ seed: 1, nodes: 6, ...weather })
  const mesh: Mesh = {
    world,
    nodes: [],
    storages: [],
    async open(
      index,
      { application = keyValue, clock = world.clock, storage, through, options } = {},
    ) {
      const kept = storage ?? mesh.storages[index]?.reopen() ?? simulatedStorage()
      mesh.storages[index] = kept
      const network = world.network(index)
      const key = KEYS[index]
      const node = await openConsensus({
        chainId: CHAIN,
        validators: VALIDATORS,
        ...(key && { self: { index, key } }),
        network: through ? through(network) : network,
        clock,
        storage: kept,
        application,
        genesis: [],
        ...options,
      })
      mesh.nodes[index] = node
      return node
    },
    async close(index) {
      world.network(index)
      await mesh.nodes[index]?.[Symbol.asyncDispose]()
      mesh.nodes[index] = undefined
    },
    node(index) {
      const node = mesh.nodes[index]
      if (node === undefined) throw new Error(`node ${index} is not open`)
      return node
    },
    async submit(index, operation, ms = 20_000) {
      const settled = mesh.node(index).submit(operation)
      if (!(await passes(world, settled, ms))) throw new Error(`nothing within ${ms} ms`)
      return settled
    },
    heights: () => mesh.nodes.map((node) => node?.head()?.header.height ?? 0n),
    async [Symbol.asyncDispose]() {
      for (const index of mesh.nodes.keys()) await mesh.close(index)
    },
  }
  for (const [index, node] of nodes.entries()) if (node) await mesh.open(index, node)
  return mesh
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** Lets time pass until the promise is settled. @returns Whether it was within so many milliseconds. */
export async function passes(
  world: Simulation,
  promise: Promise<unknown>,
  ms: number,
): Promise<boolean> {
  const watched = { isSettled: false }
  const settle = (): void => {
    watched.isSettled = true
  }
  promise.then(settle, settle)
  for (let passed = 0; passed < ms && !watched.isSettled; passed += 5) await world.run(5)
  return watched.isSettled
}
