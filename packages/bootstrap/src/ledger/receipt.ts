import { equal, sha256 } from '@hypermesh/crypto'
import { verifyReceipt } from '@hypermesh/catalog-vm'

import { keyOf } from './key.ts'
import type { Rule } from './rule.ts'

/** What a node says it ran: on a lease of its own assets that runs, and signed by the key that lent them. */
export const receiptRule: Rule<'receipt'> = {
  refusal: ({ receipt }, { author, state, context }) => {
    const verified = verifyReceipt(receipt)
    if (!verified.ok) return `receipt: ${verified.refusal.code}`
    const { executor, lease, endedAt } = verified.receipt
    if (!equal(executor, author)) return 'a receipt is ordered by its executor'
    if (!state.get(keyOf('lease', executor, lease)))
      return 'no lease runs that the receipt could be for'
    if (state.get(keyOf('receipt', sha256(receipt)))) return 'the receipt is there already'
    // The executor's clock may be ahead of the proposer's by as much as consensus lets clocks differ.
    return endedAt > context.timestamp + CLOCK_SKEW_MS
      ? 'the receipt is from the future'
      : undefined
  },
  writes: ({ receipt }) => [{ key: keyOf('receipt', sha256(receipt)), value: receipt }],
}

const CLOCK_SKEW_MS = 5000n
