import {
  leasesTests,
  mountsTests,
  proofVerifierTests,
  receiptsTests,
  simulatedLeases,
  simulatedMounts,
  simulatedProof,
  simulatedProofs,
  simulatedReceipts,
} from '@hypermesh/catalog-vm/testing'
import { describe, test } from 'vitest'

const bytes = new Uint8Array([1, 2, 3, 4])

describe('the simulated ports keep the promises of their ports', () => {
  leasesTests(test, async () => {
    const leases = simulatedLeases()
    leases.grant(bytes, { memoryBytes: 1, cpuCores: 1, until: 1n })
    return { leases, known: bytes, unknown: bytes.with(0, 9) }
  })
  proofVerifierTests(test, async () => ({
    proofs: simulatedProofs(),
    proof: simulatedProof(bytes),
    subject: bytes,
  }))
  mountsTests(test, async () => {
    const mounts = simulatedMounts()
    return { mounts, reference: mounts.put(bytes), bytes }
  })
  receiptsTests(test, async () => ({ receipts: simulatedReceipts(), receipt: bytes }))
})
