import type { IssuanceLedger } from '@hypermesh/trustchain'

import { BootstrapError } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'

/** The chain as the ledger that an authority writes to before it signs. Appending again what it holds is no harm. */
export function ledgerIssuance(ledger: Ledger): IssuanceLedger {
  return {
    append: async (entry) => {
      const order = await ledger.submit({ type: 'issuance', entry })
      if (!order.ok) throw new BootstrapError('not-ordered', `issuance: ${order.reason}`)
      return { position: order.height, proof: order.order }
    },
  }
}
