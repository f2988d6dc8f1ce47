import { verifyAssetOperation } from '@hypermesh/assets'
import { PROOF_SIZE_MAX } from '@hypermesh/consensus'
import { equal, field, record } from '@hypermesh/crypto'

import { ORDER_SIZE_MAX, readOrder } from '../ledger/ledger.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Verifier } from './proofs.ts'

/** What makes a lease worth running on: its place in the ledger, and its owner's four proofs over it. */
const leaseProofCodec = record('hypermesh/lease-proof', 1, ORDER_SIZE_MAX + PROOF_SIZE_MAX + 256, {
  order: field.bytes({ max: ORDER_SIZE_MAX }),
  proof: field.bytes({ max: PROOF_SIZE_MAX }),
})

export function encodeLeaseProof(order: Uint8Array, proof: Uint8Array): Uint8Array {
  return leaseProofCodec.encode({ order, proof })
}

/** Accepts a lease that a quorum ordered and whose owner still has what it takes to lend. */
export function leaseVerifier(ledger: Ledger, proofs: Verifier): Verifier {
  return {
    verify: async (bytes, lease) => {
      const decoded = leaseProofCodec.decode(bytes)
      if (!decoded.ok) return { ok: false, reason: `lease proof: ${decoded.refusal.code}` }
      const order = readOrder(decoded.value.order, ledger)
      if (order?.operation.body.type !== 'asset')
        return { ok: false, reason: 'no lease was ordered' }
      const read = verifyAssetOperation(order.operation.body.operation)
      if (!read.ok || read.operation.type !== 'lease' || !equal(read.operation.id, lease)) {
        return { ok: false, reason: 'another lease was ordered' }
      }
      return await proofs.verify(decoded.value.proof, lease)
    },
  }
}
