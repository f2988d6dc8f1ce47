import type { Receipts } from '@hypermesh/catalog-vm'

import type { Ledger } from '../ledger/ledger.ts'

/** Receipts go into the ledger; the proof is their place there. */
export function ledgerReceipts(ledger: Ledger): Receipts {
  return {
    record: async (receipt) => {
      const ordered = await ledger.submit({ type: 'receipt', receipt })
      return ordered.ok ? { ok: true, proof: ordered.order } : ordered
    },
  }
}
