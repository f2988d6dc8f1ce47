import { type Codec, equal, field, record, type SigningKey, toHex, verify } from '@hypermesh/crypto'
import {
  ADDRESS_SIZE,
  addressOfOrigin,
  type AssetOrigin,
  assetOrigin,
  isDerived,
  kindOf,
  type MeshAddress,
} from './address.ts'
import { ProxyNatError } from './errors.ts'
import type { TrustSource } from './trust.ts'

/** Most assets whose place is remembered. Anyone can make assets of their own, so their number has a limit. */
export const BINDINGS_MAX = 65_536

/** Longest encoded binding, in bytes. */
export const BINDING_SIZE_MAX = 512

/** The owner's word on where its asset is. */
export interface Binding {
  readonly asset: MeshAddress
  readonly origin: AssetOrigin
  /** Address of the node that has it. */
  readonly node: MeshAddress
  /** Counts the asset's moves: the highest one holds. */
  readonly epoch: bigint
  /** Holds until just before this time. */
  readonly notAfter: bigint
  /** By the owner's Ed25519 key. */
  readonly signature: Uint8Array
}

const claimFields = {
  asset: field.bytes({ length: ADDRESS_SIZE }),
  node: field.bytes({ length: ADDRESS_SIZE }),
  epoch: field.uint(),
  notAfter: field.uint(),
}
const claimCodec = record('hypermesh/binding-claim', 1, 256, claimFields)

/** Domain `hypermesh/binding`, version 1. Decoding checks the form; `verifyBinding` checks the rest. */
export const bindingCodec: Codec<Binding> = record('hypermesh/binding', 1, BINDING_SIZE_MAX, {
  ...claimFields,
  origin: field.record({
    owner: field.bytes({ length: 32 }),
    falconHash: field.bytes({ length: 32 }),
    assetId: field.bytes({ length: 32 }),
  }),
  signature: field.bytes({ length: 64 }),
})

/**
 * Says where an asset is.
 *
 * @returns the encoded binding.
 * @throws {ProxyNatError} `wrong-scheme` when the owner's key is not Ed25519; `wrong-length` for a key, id or node of
 * another size.
 */
export function signBinding(options: {
  readonly owner: SigningKey
  /** The owner's FALCON-1024 public key. */
  readonly falcon1024: Uint8Array
  /** 32 bytes. */
  readonly assetId: Uint8Array
  readonly node: MeshAddress
  readonly epoch: bigint
  readonly notAfter: bigint
}): Uint8Array {
  const { owner, falcon1024, assetId, node, epoch, notAfter } = options
  if (owner.scheme !== 'ed25519') {
    throw new ProxyNatError('wrong-scheme', `bindings are signed with ed25519, not ${owner.scheme}`)
  }
  if (kindOf(node) !== 'node') throw new ProxyNatError('wrong-length', 'an asset is on a node')
  const origin = assetOrigin({ ed25519: owner.publicKey, falcon1024 }, assetId)
  const claim = { asset: addressOfOrigin(origin), node, epoch, notAfter }
  const signature = owner.sign(claimCodec.encode(claim))
  return bindingCodec.encode({ ...claim, origin, signature })
}

export type BindingRefusalCode = 'bad-binding' | 'forged-address' | 'bad-signature'

/** Verifies that the owner whom the asset's address commits to said this. Time and epoch are for the reader to judge. */
export function verifyBinding(
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly binding: Binding }
  | { readonly ok: false; readonly refusal: { readonly code: BindingRefusalCode } } {
  const decoded = bindingCodec.decode(bytes)
  if (!decoded.ok || kindOf(decoded.value.node) !== 'node') return refuse('bad-binding')
  const binding = decoded.value
  if (!isDerived(binding.asset, binding.origin)) return refuse('forged-address')
  const { asset, node, epoch, notAfter, origin, signature } = binding
  const signed = claimCodec.encode({ asset, node, epoch, notAfter })
  if (!verify('ed25519', origin.owner, signed, signature)) return refuse('bad-signature')
  return { ok: true, binding }
}

/** Two encoded bindings that put one asset in two places at one epoch: proof that its owner lies. */
export interface Equivocation {
  readonly first: Uint8Array
  readonly second: Uint8Array
}

/** Whether this really convicts the owner: anyone can check it, without trusting who shows it. */
export function verifyEquivocation({ first, second }: Equivocation): boolean {
  const [one, other] = [verifyBinding(first), verifyBinding(second)]
  if (!one.ok || !other.ok) return false
  return equal(one.binding.asset, other.binding.asset) && isContrary(one.binding, other.binding)
}

export type Accepted =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly refusal:
        | { readonly code: BindingRefusalCode | 'expired' | 'outdated' | 'full' }
        | { readonly code: 'equivocation'; readonly evidence: Equivocation }
    }

/** Where assets are, as their owners say. Its `owner` is the one a `TrustSource` needs. */
export interface Bindings {
  /** Takes in a binding from wherever it came. The highest epoch of an asset holds, and of one epoch the longest. */
  accept(bytes: Uint8Array): Accepted
  /** Owner and place. An asset that was put in two places at once has none, until its owner moves it on. */
  readonly owner: TrustSource['owner']
}

interface Place {
  readonly binding: Binding
  readonly bytes: Uint8Array
  readonly isContested: boolean
}

/**
 * An empty register.
 *
 * @param options.now - The mesh's time in milliseconds.
 * @param options.assetsMax - How many assets it remembers. Those whose binding ended make room first.
 */
export function createBindings({
  now,
  assetsMax = BINDINGS_MAX,
}: {
  readonly now: () => bigint
  readonly assetsMax?: number
}): Bindings {
  const places = new Map<string, Place>()

  function forgetExpired(): void {
    for (const [key, { binding }] of places) if (now() >= binding.notAfter) places.delete(key)
  }

  return {
    accept(bytes) {
      const verified = verifyBinding(bytes)
      if (!verified.ok) return verified
      const { binding } = verified
      if (now() >= binding.notAfter) return { ok: false, refusal: { code: 'expired' } }
      const key = toHex(binding.asset)
      const place = places.get(key)
      if (place !== undefined && isContrary(binding, place.binding)) {
        places.set(key, { ...place, isContested: true })
        const evidence = { first: place.bytes, second: bytes.slice() }
        return { ok: false, refusal: { code: 'equivocation', evidence } }
      }
      if (place !== undefined && !isLater(binding, place.binding)) {
        return { ok: false, refusal: { code: 'outdated' } }
      }
      if (place === undefined && places.size >= assetsMax) forgetExpired()
      if (place === undefined && places.size >= assetsMax) {
        return { ok: false, refusal: { code: 'full' } }
      }
      const isContested = place?.isContested === true && place.binding.epoch === binding.epoch
      places.set(key, { binding, bytes: bytes.slice(), isContested })
      return { ok: true }
    },
    owner: async (asset) => {
      const place = places.get(toHex(asset))
      if (place === undefined || place.isContested) return undefined
      const { node, origin, notAfter } = place.binding
      return now() < notAfter ? { node, key: origin.owner } : undefined
    },
  }
}

function isContrary(one: Binding, other: Binding): boolean {
  return one.epoch === other.epoch && !equal(one.node, other.node)
}

function isLater(next: Binding, held: Binding): boolean {
  return next.epoch === held.epoch ? next.notAfter > held.notAfter : next.epoch > held.epoch
}

function refuse(code: BindingRefusalCode): {
  readonly ok: false
  readonly refusal: { readonly code: BindingRefusalCode }
} {
  return { ok: false, refusal: { code } }
}
