import { openCatalog, verifyReceipt } from '@hypermesh/catalog-vm'
import {
  simulatedClock,
  simulatedLeases,
  simulatedMounts,
  simulatedProofs,
  simulatedReceipts,
} from '@hypermesh/catalog-vm/testing'
import { generateSigningKey } from '@hypermesh/crypto'

// In a mesh these come from the lender, the ledger and the network.
const leases = simulatedLeases()
const mounts = simulatedMounts()
const lease = new Uint8Array(32).fill(1)
leases.grant(lease, { memoryBytes: 2 ** 27, cpuCores: 1, until: 60_000n })

const catalog = await openCatalog({
  executor: generateSigningKey('ed25519'),
  leases,
  mounts,
  proofs: simulatedProofs(),
  receipts: simulatedReceipts(),
  clock: simulatedClock(),
})
const finished = await catalog.run({
  id: new Uint8Array([1]),
  program: { language: 'javascript', source: 'function main(a) { return a.length + " bytes" }' },
  input: mounts.put(new TextEncoder().encode('some input')),
  inputMax: 1024,
  lease,
  limits: { wallMs: 5_000, memoryBytes: 2 ** 27, outputMax: 1024 },
  isolation: 'isolate',
})
if (!finished.ok) throw new Error(`${finished.refusal.reason} (${finished.refusal.remedy ?? ''})`)
const verified = verifyReceipt(finished.receipt)
const how = verified.ok ? verified.receipt.isolation : verified.refusal.reason
console.log(`${new TextDecoder().decode(finished.output)}, isolation ${how}`)
