import { verifyAssetOperation } from '@hypermesh/assets'
import type { AssetLedger } from '@hypermesh/assets'

import type { Ledger } from '../ledger/ledger.ts'
import type { Standing } from '../standing.ts'
import { encodeLeaseProof } from './lease.ts'

/** Orders what an owner says about its assets. A lease gets its owner's four proofs beside its place. */
export function assetLedger(ledger: Ledger, standing: Standing): AssetLedger {
  return {
    record: async (bytes) => {
      const read = verifyAssetOperation(bytes)
      if (!read.ok) return { ok: false, reason: read.refusal.code }
      const { operation } = read
      // A lease that is ordered and cannot be proved would take up what it lends, and be of use to nobody.
      const proof = operation.type === 'lease' ? await standing.prove(operation.id) : undefined
      const ordered = await ledger.submit({ type: 'asset', operation: bytes })
      if (!ordered.ok) return ordered
      return { ok: true, proof: proof ? encodeLeaseProof(ordered.order, proof) : ordered.order }
    },
  }
}
