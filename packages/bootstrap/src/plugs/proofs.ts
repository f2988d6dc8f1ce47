import { verifyInline } from '@hypermesh/consensus'
import type { ProofPolicy } from '@hypermesh/consensus'

import type { Ledger } from '../ledger/ledger.ts'
import type { SystemClock } from './clock.ts'

/** Checks a consensus proof of one of this node's own subjects. */
export interface Verifier {
  verify(
    proof: Uint8Array,
    subject: Uint8Array,
  ): Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>
}

/**
 * All four parts, or no.
 *
 * @param owner - Whose subjects they must be.
 */
export function proofVerifier(options: {
  readonly ledger: Ledger
  readonly owner: Uint8Array
  readonly policy: ProofPolicy
  readonly clock: SystemClock
  readonly onProof: (holds: boolean) => void
}): Verifier {
  const { ledger, owner, policy, clock, onProof } = options
  const { chain, validators } = ledger
  return {
    verify: async (proof, subject) => {
      const terms = { chainId: chain, validators, policy, now: clock.now() }
      const checked = verifyInline(proof, { ...terms, subject, owner })
      onProof(checked.ok)
      return checked.ok
        ? { ok: true }
        : { ok: false, reason: `${checked.reason.part}: ${checked.reason.code}` }
    },
  }
}
