import { equal } from '@hypermesh/crypto'
import { verifyReceipt } from '@hypermesh/catalog-vm'

import { keyOf } from './key.ts'
import type { Rule } from './rule.ts'

/** What a node got that ran a receipt's program again. Nobody judges its own receipt. */
export const verdictRule: Rule<'verdict'> = {
  refusal: ({ receipt }, { author, state, context }) => {
    if (!context.validators.some(({ key }) => equal(key, author))) return 'only a validator judges'
    const bytes = state.get(keyOf('receipt', receipt))
    const known = bytes && verifyReceipt(bytes)
    if (!known?.ok) return 'the receipt is not in the ledger'
    if (equal(known.receipt.executor, author)) return 'nobody judges its own receipt'
    return state.get(keyOf('verdict', receipt, author)) ? 'judged already' : undefined
  },
  writes: ({ receipt, output }, { author }) => [
    { key: keyOf('verdict', receipt, author), value: output },
  ],
}
