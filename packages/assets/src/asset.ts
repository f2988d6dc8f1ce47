import { sha256 } from '@hypermesh/crypto'

export type AssetKind = 'cpu' | 'memory' | 'storage'

/** Every kind, in the order of their numbers on the wire. */
export const ASSET_KINDS: readonly [AssetKind, ...AssetKind[]] = ['cpu', 'memory', 'storage']

/** How widely something may be lent, from the owner alone to anyone. */
export type PrivacyLevel = 'private' | 'private-network' | 'p2p' | 'public-network' | 'full-public'

/** Every level, narrowest first, which is also their number on the wire. */
export const PRIVACY_LEVELS: readonly [PrivacyLevel, ...PrivacyLevel[]] = [
  'private',
  'private-network',
  'p2p',
  'public-network',
  'full-public',
]

/** Amounts of each kind: CPU in thousandths of a core, memory and storage in bytes. */
export type Amounts = Readonly<Record<AssetKind, bigint>>

/** Longest local name of an asset, in bytes of UTF-8. */
export const NAME_SIZE_MAX = 64

/** One lendable thing of one owner. */
export interface Asset {
  /** 32 bytes: {@link assetId} of its owner, kind and name. */
  readonly id: Uint8Array
  readonly kind: AssetKind
  /** What its owner calls it. */
  readonly name: string
  /** The owner's raw Ed25519 public key, 32 bytes. */
  readonly owner: Uint8Array
  /** CPU in thousandths of a core; memory and storage in bytes. */
  readonly capacity: bigint
  readonly privacy: PrivacyLevel
  /** When this capacity was first measured, in milliseconds: a later measurement has a greater one. */
  readonly generation: bigint
  /** What was measured, in words: the processor's model, the whole machine's size. */
  readonly attributes: readonly Attribute[]
}

export interface Attribute {
  readonly name: string
  readonly value: string
}

/** The name of an asset everywhere: 32 bytes that only its owner's key, its kind and its local name give. */
export function assetId(owner: Uint8Array, kind: AssetKind, name: string): Uint8Array {
  const domain = new TextEncoder().encode('hypermesh/asset-id/1')
  const index = ASSET_KINDS.indexOf(kind)
  // The parts before the name have fixed lengths, so no two inputs run together.
  return sha256(domain, owner, Uint8Array.of(index), new TextEncoder().encode(name))
}

/** Whether something lent as widely as `asked` stays within `allowed`. */
export function isWithin(asked: PrivacyLevel, allowed: PrivacyLevel): boolean {
  return PRIVACY_LEVELS.indexOf(asked) <= PRIVACY_LEVELS.indexOf(allowed)
}
