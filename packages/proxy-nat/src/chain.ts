import { equal, verify } from '@hypermesh/crypto'
import { isDerived } from './address.ts'
import {
  type Capability,
  capabilityCodec,
  claimsOf,
  type Grant,
  isNarrower,
  type Right,
  RIGHTS,
} from './capability.ts'
import type { MemoryRefusalCode } from './refusal.ts'
import type { TrustSource } from './trust.ts'

/** What a verified chain lets its holder do: the last grant, which is the narrowest. */
export interface Claims extends Omit<Grant, 'signature'> {
  /** Ids of all grants of the chain. */
  readonly ids: readonly Uint8Array[]
}

export type Verified =
  | { readonly ok: true; readonly capability: Capability; readonly claims: Claims }
  | { readonly ok: false; readonly refusal: { readonly code: MemoryRefusalCode } }

/**
 * Verifies a capability down to the owner's signature.
 *
 * The chain proves itself: the first grant is signed by the key that the asset's address is derived from. What it
 * cannot prove is that the mesh still knows that owner, and that the region is of its generation: the server asks.
 *
 * @param bytes - As the holder showed them.
 * @param holder - Ed25519 key of the holder, authenticated by the transport.
 */
export function verifyCapability(
  bytes: Uint8Array,
  holder: Uint8Array,
  trust: Pick<TrustSource, 'isRevoked' | 'now'>,
): Verified {
  const decoded = capabilityCodec.decode(bytes)
  if (!decoded.ok) return refuse('bad-capability')
  const capability = decoded.value
  const last = capability.grants.at(-1)
  if (last === undefined) return refuse('bad-capability')
  if (!isDerived(capability.asset, capability.origin)) return refuse('forged-address')
  if (!equal(last.audience, holder)) return refuse('wrong-audience')
  // Narrowing and time cost nothing to check, signatures do: they come last.
  if (!narrowsThroughout(capability.grants)) return refuse('widened')
  const chain = claimsOf(capability)
  const { signature: _, ...claim } = last
  const claims = { ...claim, ids: chain.map(({ id }) => id) }
  const dead = deadCode(claims, trust)
  if (dead !== undefined) return refuse(dead)
  let issuer = capability.origin.owner
  for (const [at, { audience, signature }] of capability.grants.entries()) {
    const signed = chain[at]?.signed
    if (signed === undefined || !verify('ed25519', issuer, signed, signature)) {
      return refuse('bad-signature')
    }
    issuer = audience
  }
  return { ok: true, capability, claims }
}

/** Why these claims hold no longer, or not yet; `undefined` while they hold. Checked at every operation. */
export function deadCode(
  claims: Claims,
  trust: Pick<TrustSource, 'isRevoked' | 'now'>,
): MemoryRefusalCode | undefined {
  const now = trust.now()
  if (now < claims.notBefore) return 'not-yet'
  // Who attaches exactly at the end is late: two holders never share an instant.
  if (now >= claims.notAfter) return 'expired'
  if (claims.ids.some((id) => trust.isRevoked(id))) return 'revoked'
  return undefined
}

export function allows(claims: Claims, right: Right): boolean {
  return (claims.rights & RIGHTS[right]) !== 0
}

function narrowsThroughout(grants: readonly Grant[]): boolean {
  return grants.every((grant, at) => {
    const before = grants[at - 1]
    return before === undefined || isNarrower(grant, before)
  })
}

function refuse(code: MemoryRefusalCode): Verified {
  return { ok: false, refusal: { code } }
}
