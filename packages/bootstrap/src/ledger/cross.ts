import { X509Certificate } from 'node:crypto'

import { rootOf } from './issuance.ts'
import { keyOf } from './key.ts'
import type { Rule } from './rule.ts'

/** One root's certificate for another's key, both known to the ledger. */
export const crossRule: Rule<'cross'> = {
  refusal: ({ issuer, subject, certificate }, { state }) => {
    const above = rootOf(state, issuer)
    const below = rootOf(state, subject)
    if (!above || !below) return 'a root of the cross-certificate is not in the ledger'
    return vouches(above, certificate, below) ? undefined : 'the cross-certificate does not hold'
  },
  writes: ({ issuer, subject, certificate }) => [
    { key: keyOf('cross', issuer, subject), value: certificate },
  ],
}

// RFC 5280 section 6.1.3 for one step; whoever relies on the chain checks the rest with its own clock.
function vouches(issuer: Uint8Array, cross: Uint8Array, subject: Uint8Array): boolean {
  try {
    const [above, between, below] = [issuer, cross, subject].map((der) => new X509Certificate(der))
    if (!above || !between || !below) return false
    return (
      between.ca &&
      between.checkIssued(above) &&
      between.verify(above.publicKey) &&
      between.subject === below.subject &&
      between.publicKey.equals(below.publicKey)
    )
  } catch {
    return false
  }
}
