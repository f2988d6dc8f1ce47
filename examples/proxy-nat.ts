// Two nodes in one process: one lends memory, the other writes and reads it by its address.
import { generateSigningKey } from '@hypermesh/crypto'
import * as nat from '@hypermesh/proxy-nat'
import { simulatedLinks, simulatedRegions, simulatedTrust } from '@hypermesh/proxy-nat/testing'

const owner = generateSigningKey('ed25519')
const holder = generateSigningKey('ed25519')
const falcon1024 = new Uint8Array(1793).fill(1) // stands for the owner's post-quantum key
const assetId = new Uint8Array(32).fill(2)
const node = nat.nodeAddress({ ed25519: owner.publicKey, falcon1024 })
const address = nat.assetAddress(node, assetId)

// The owner's node: memory at an address, and streams served from it.
const regions = simulatedRegions()
regions.lend(address, 0, new Uint8Array(4096))
const table = nat.createTranslation({ regions })
const trust = simulatedTrust()
trust.own(address, { node, key: owner.publicKey })
const mesh = simulatedLinks()
mesh.listen(node, async (stream, peer) => {
  await nat.serveMemory({ self: node, table, trust, stream, peer })
})

// It lets the holder read and write the first 1024 bytes for a minute.
const terms = { offset: 0, length: 1024, notBefore: 0n, notAfter: 60_000n }
const place = { assetId, region: 0, generation: table.generation(address, 0) ?? 0 }
const audience = { audience: holder.publicKey, rights: ['attach', 'read', 'write'] as const }
const capability = nat.grant({ owner, falcon1024, ...place, ...audience, ...terms })

const pointer = { address, region: 0, offset: 0, length: 1024 }
const links = mesh.of(holder.publicKey)
const attached = await nat.attach({ links, trust, capability, pointer, holder })
if (!attached.ok) throw new Error(attached.refusal.code)
await using region = attached.region
await region.write(100, new TextEncoder().encode('over there'))
const read = await region.read(100, 10)
console.log(nat.formatPointer(pointer), read.ok && new TextDecoder().decode(read.bytes))
