import { equal, sha256 } from '@hypermesh/crypto'
import { verifyReceipt } from '@hypermesh/catalog-vm'

import { readLease } from './asset.ts'
import { keyOf } from './key.ts'
import type { Rule } from './rule.ts'

/** What a node says it ran: on a lease of its own assets that runs, and signed by the key that lent them. */
export const receiptRule: Rule<'receipt'> = {
  refusal: ({ receipt }, { author, state, context }) => {
    const verified = verifyReceipt(receipt)
    if (!verified.ok) return `receipt: ${verified.refusal.code}`
    const { executor, lease: id, startedAt, endedAt } = verified.receipt
    if (!equal(executor, author)) return 'a receipt is ordered by its executor'
    const lease = readLease(state.get(keyOf('lease', executor, id)))
    if (!lease || lease.until <= context.timestamp)
      return 'no lease runs that the receipt could be for'
    if (startedAt + CLOCK_SKEW_MS < lease.at) return 'the receipt is older than its lease'
    if (state.get(keyOf('receipt', sha256(receipt)))) return 'the receipt is there already'
    // The executor's clock may be ahead of the proposer's by as much as consensus lets clocks differ.
    return endedAt > context.timestamp + CLOCK_SKEW_MS
      ? 'the receipt is from the future'
      : undefined
  },
  writes: ({ receipt }) => [{ key: keyOf('receipt', sha256(receipt)), value: receipt }],
}

const CLOCK_SKEW_MS = 5000n
