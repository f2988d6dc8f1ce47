import { type Codec, equal, field, record, sha256, type SigningKey } from '@hypermesh/crypto'
import {
  ADDRESS_SIZE,
  addressOfOrigin,
  type AssetOrigin,
  assetOrigin,
  type MeshAddress,
} from './address.ts'
import { ProxyNatError } from './errors.ts'

/** Most grants in one chain: a reader verifies one signature for each, before it knows who asks. */
export const GRANTS_MAX = 8

/** Longest encoded capability, in bytes; a full chain takes about half of it. */
export const CAPABILITY_SIZE_MAX = 4096

/** `attach`: open an attachment and see its size and state. `read` and `write`: the bytes. */
export type Right = 'attach' | 'read' | 'write'

/** The bit of each right in a grant. */
export const RIGHTS: Readonly<Record<Right, number>> = { attach: 1, read: 2, write: 4 }
const RIGHTS_ALL = 7

/** One step of a chain: what its issuer lets its audience do. */
export interface Grant {
  /** Ed25519 key of whoever may use it, or hand on less of it. */
  readonly audience: Uint8Array
  /** Sum of the bits in `RIGHTS`. */
  readonly rights: number
  /** First byte, from the start of the region. */
  readonly offset: number
  /** How many bytes. */
  readonly length: number
  /** Valid from this time on. */
  readonly notBefore: bigint
  /** Valid until just before this time. */
  readonly notAfter: bigint
  /** The region's generation it was made for: a later one makes it stale. */
  readonly generation: number
  /** By the asset's owner for the first grant, by the audience of the one before for the others. */
  readonly signature: Uint8Array
}

/** A chain of grants from the owner of an asset to the one who may use a region of it. */
export interface Capability {
  readonly asset: MeshAddress
  /** What the address was derived from: it names the owner, so nobody need be asked who that is. */
  readonly origin: AssetOrigin
  readonly region: number
  readonly grants: readonly Grant[]
}

const grantFields = {
  audience: field.bytes({ length: 32 }),
  rights: field.count({ max: RIGHTS_ALL }),
  offset: field.count({ max: Number.MAX_SAFE_INTEGER }),
  length: field.count({ max: Number.MAX_SAFE_INTEGER }),
  notBefore: field.uint(),
  notAfter: field.uint(),
  generation: field.count({ max: Number.MAX_SAFE_INTEGER }),
}

/** Domain `hypermesh/capability`, version 1. Decoding checks the form; `verifyCapability` checks the rest. */
export const capabilityCodec: Codec<Capability> = record(
  'hypermesh/capability',
  1,
  CAPABILITY_SIZE_MAX,
  {
    asset: field.bytes({ length: ADDRESS_SIZE }),
    origin: field.record({
      owner: field.bytes({ length: 32 }),
      falconHash: field.bytes({ length: 32 }),
      assetId: field.bytes({ length: 32 }),
    }),
    region: field.count({ max: 0xffff_ffff }),
    grants: field.list(field.record({ ...grantFields, signature: field.bytes({ length: 64 }) }), {
      max: GRANTS_MAX,
    }),
  },
)

/** What a grant's issuer signs: the claims, where they apply, and the claim they stand on. */
const claimCodec = record('hypermesh/capability-claim', 1, 512, {
  asset: field.bytes({ length: ADDRESS_SIZE }),
  region: field.count({ max: 0xffff_ffff }),
  parent: field.optional(field.bytes({ length: 32 })),
  ...grantFields,
})

/** What the caller says about a grant; the package adds chain, generation and signature. */
export interface GrantTerms {
  /** Ed25519 public key, 32 bytes. */
  readonly audience: Uint8Array
  readonly rights: readonly Right[]
  readonly offset: number
  readonly length: number
  readonly notBefore: bigint
  readonly notAfter: bigint
}

/**
 * The first grant of a chain, signed by the owner of the asset.
 *
 * @returns the encoded capability, for its audience.
 * @throws {ProxyNatError} `wrong-scheme` when the owner's key is not Ed25519; `wrong-length` for a key or id of another
 * size; `out-of-range` when a term does not fit its field.
 */
export function grant(
  options: GrantTerms & {
    readonly owner: SigningKey
    /** The owner's FALCON-1024 public key: its node's address commits to it. */
    readonly falcon1024: Uint8Array
    /** 32 bytes. */
    readonly assetId: Uint8Array
    readonly region: number
    /** The region's generation now, as `Translation.generation` gives it. */
    readonly generation: number
  },
): Uint8Array {
  const { owner, falcon1024, assetId, region, generation } = options
  const origin = assetOrigin({ ed25519: owner.publicKey, falcon1024 }, assetId)
  const empty = { asset: addressOfOrigin(origin), origin, region, grants: [] }
  return extend(empty, owner, options, generation)
}

/**
 * Hands on a part of a capability: fewer rights, fewer bytes, a shorter time, or the same for another holder.
 *
 * @param options.holder - The key the capability was granted to.
 * @throws {ProxyNatError} `malformed` when the bytes are no capability; `not-narrower` when the terms ask for more than
 * it gives, the holder is not its audience, or the chain is full; and what `grant` throws.
 */
export function narrow(
  options: GrantTerms & { readonly capability: Uint8Array; readonly holder: SigningKey },
): Uint8Array {
  const decoded = capabilityCodec.decode(options.capability)
  if (!decoded.ok) throw new ProxyNatError('malformed', `no capability: ${decoded.refusal.code}`)
  const capability = decoded.value
  const last = capability.grants.at(-1)
  if (last === undefined) throw new ProxyNatError('malformed', 'this capability grants nothing')
  if (capability.grants.length === GRANTS_MAX) {
    throw new ProxyNatError('not-narrower', `the chain already has ${GRANTS_MAX} grants`)
  }
  if (!equal(options.holder.publicKey, last.audience)) {
    throw new ProxyNatError('not-narrower', 'only its audience may hand a capability on')
  }
  const next = { ...options, rights: bitsOf(options.rights), generation: last.generation }
  if (!isNarrower(next, last)) {
    throw new ProxyNatError('not-narrower', 'the terms ask for more than the capability gives')
  }
  return extend(capability, options.holder, options, last.generation)
}

type Claim = Omit<Grant, 'signature'>

/** Does `next` stay within `last` in every respect? */
export function isNarrower(next: Omit<Claim, 'audience'>, last: Omit<Claim, 'audience'>): boolean {
  return (
    (next.rights & ~last.rights) === 0 &&
    next.offset >= last.offset &&
    next.offset + next.length <= last.offset + last.length &&
    next.notBefore >= last.notBefore &&
    next.notAfter <= last.notAfter &&
    next.generation === last.generation
  )
}

/** What each grant of a chain signs, from the first on. The hash of one is its id, and the next one's parent. */
export function claimsOf(capability: Capability): { signed: Uint8Array; id: Uint8Array }[] {
  const { asset, region, grants } = capability
  const claims: { signed: Uint8Array; id: Uint8Array }[] = []
  for (const { signature: _, ...claim } of grants) {
    const parent = claims.at(-1)?.id
    const signed = claimCodec.encode({ asset, region, ...(parent && { parent }), ...claim })
    claims.push({ signed, id: sha256(signed) })
  }
  return claims
}

/**
 * The id of each grant in a chain, the owner's first: 32 bytes each. `TrustSource.isRevoked` is asked about all of
 * them, so to revoke one is to revoke everything handed on from it.
 *
 * @throws {ProxyNatError} `malformed` when the bytes are no capability.
 */
export function grantIds(capability: Uint8Array): readonly Uint8Array[] {
  const decoded = capabilityCodec.decode(capability)
  if (!decoded.ok) throw new ProxyNatError('malformed', `no capability: ${decoded.refusal.code}`)
  return claimsOf(decoded.value).map(({ id }) => id)
}

function extend(
  capability: Capability,
  issuer: SigningKey,
  terms: GrantTerms,
  generation: number,
): Uint8Array {
  if (issuer.scheme !== 'ed25519') {
    throw new ProxyNatError('wrong-scheme', `grants are signed with ed25519, not ${issuer.scheme}`)
  }
  const { audience, offset, length, notBefore, notAfter } = terms
  if (audience.length !== 32) {
    throw new ProxyNatError('wrong-length', `the audience has ${audience.length} bytes, not 32`)
  }
  if (!Number.isSafeInteger(offset + length)) {
    throw new ProxyNatError('out-of-range', `${offset}+${length} is past what a number can count`)
  }
  const rights = bitsOf(terms.rights)
  const unsigned = { audience, rights, offset, length, notBefore, notAfter, generation }
  const draft = { ...unsigned, signature: new Uint8Array(64) }
  const chain = { ...capability, grants: [...capability.grants, draft] }
  const signed = encodable(() => claimsOf(chain)).at(-1)?.signed ?? new Uint8Array()
  const whole = { ...unsigned, signature: issuer.sign(signed) }
  return encodable(() =>
    capabilityCodec.encode({ ...capability, grants: [...capability.grants, whole] }),
  )
}

// The records check every field against its limits; what does not fit is the caller's mistake.
function encodable<T>(encode: () => T): T {
  try {
    return encode()
  } catch (cause) {
    throw new ProxyNatError('out-of-range', `a term does not fit: ${String(cause)}`, { cause })
  }
}

function bitsOf(rights: readonly Right[]): number {
  return rights.reduce((bits, right) => bits | RIGHTS[right], 0)
}
