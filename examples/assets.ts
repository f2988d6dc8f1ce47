// A node lends memory: registered with a proof, leased in the ledger's order, really allocated, and given back.
import { openAssets } from '@hypermesh/assets'
import { simulatedClock, simulatedLedger, simulatedProofs } from '@hypermesh/assets/testing'
import { generateSigningKey } from '@hypermesh/crypto'

const owner = generateSigningKey('ed25519')
const holder = generateSigningKey('ed25519').publicKey
const ledger = simulatedLedger() // stands for consensus
const proofs = simulatedProofs()
const clock = simulatedClock()

// The second of four nodes on this machine lends a quarter of it.
const share = { index: 1, of: 4 }
await using assets = await openAssets({ owner, share, directory: '.', ledger, proofs, clock })
for (const asset of assets.detect()) {
  await assets.register(asset, proofs.prove(asset.id))
  console.log(asset.kind, asset.capacity, asset.attributes.map(({ value }) => value).join(', '))
}

const claimed = await assets.claim({
  holder,
  memory: 1_048_576n,
  until: 60_000n,
  privacy: 'private-network',
})
if (!claimed.ok) throw new Error(claimed.refusal.code)
const { region, enforcement } = claimed.lease
console.log(`lent ${region?.bytes.length} bytes; held by the ${enforcement.memory}`)

clock.advance(60_000n)
console.log(`a minute later ${region?.bytes.length} bytes are lent`)
