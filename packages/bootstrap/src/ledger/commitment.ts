import { equal } from '@hypermesh/crypto'
import { recordCommitment } from '@hypermesh/consensus'
import type { ProofPolicy } from '@hypermesh/consensus'

import type { Rule } from './rule.ts'

/** What a node stores and has computed, said before it knows what it will be asked to show. */
export function commitmentRule(policy: ProofPolicy): Rule<'commitment'> {
  return {
    refusal: ({ commitment }, { author, state, context }) => {
      const recorded = recordCommitment(commitment, state, context, policy)
      if (!recorded.ok) return `commitment: ${recorded.reason}`
      return equal(recorded.owner, author) ? undefined : 'a commitment is ordered by its owner'
    },
    writes: ({ commitment }, { state, context }) => {
      const recorded = recordCommitment(commitment, state, context, policy)
      return recorded.ok ? [recorded.write] : []
    },
  }
}
