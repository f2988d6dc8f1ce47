// Four nodes of which one may lie agree on an operation, and hand out proof that needs no trust in any of them.
import {
  openConsensus,
  verifyFinalized,
  verifyOperation,
  verifyStatePath,
} from '@hypermesh/consensus'
import {
  keyValue,
  keyValueOperation,
  simulatedStorage,
  simulate,
} from '@hypermesh/consensus/testing'
import { generateSigningKey, sha256 } from '@hypermesh/crypto'

const chainId = sha256(new TextEncoder().encode('an example'))
const keys = [0, 1, 2, 3].map(() => generateSigningKey('ed25519'))
const validators = keys.map(({ publicKey }) => ({ key: publicKey, stake: 1n }))

// A simulated world here. In a mesh: a network over stoq, the machine's clock, and openJournal(file) as storage.
const world = simulate({ seed: 1, nodes: 4 })
const nodes = await Promise.all(
  keys.map((key, index) => {
    const shared = { chainId, validators, clock: world.clock, application: keyValue, genesis: [] }
    const own = { network: world.network(index), storage: simulatedStorage() }
    return openConsensus({ ...shared, ...own, self: { index, key } })
  }),
)

const operation = keyValueOperation('colour', 'blue')
const submitted = nodes[0]?.submit(operation)
await world.run(100)
const result = await submitted
if (!result?.ok) throw new Error(result?.reason)
console.log('final:', verifyFinalized(result.finalized, validators, chainId))
console.log('in the block:', verifyOperation(result.finalized.header, operation, result.place))
const path = nodes[3]?.state().prove(new TextEncoder().encode('colour'))
const proven = path && verifyStatePath(result.finalized.header.stateRoot, path)
console.log('what it wrote:', new TextDecoder().decode(path?.value), proven)
for (const node of nodes) await node[Symbol.asyncDispose]()
