import { equal, sha3 } from '@hypermesh/crypto'
import { ProxyNatError } from './errors.ts'

/** 16 bytes in fd00::/8: two bits of kind, then 118 bits of SHA3-256 over what the address stands for. */
export type MeshAddress = Uint8Array

export type AddressKind = 'node' | 'asset' | 'service' | 'ephemeral'

export const ADDRESS_SIZE = 16

const KINDS: readonly AddressKind[] = ['node', 'asset', 'service', 'ephemeral']
const DOMAIN = new TextEncoder().encode('hypermesh:addr:1')

// RFC 4193, section 3.1: fc00::/7 with the L bit set is assigned locally.
const PREFIX = 0xfd

const ED25519_KEY_SIZE = 32
const FALCON_1024_KEY_SIZE = 1793
const HASH_SIZE = 32
const ASSET_ID_SIZE = 32

/** The two public keys a node is known by; the address commits to both. */
export interface NodeKeys {
  /** 32 bytes. */
  readonly ed25519: Uint8Array
  /** 1793 bytes. */
  readonly falcon1024: Uint8Array
}

/** What proves that an address is an asset's: whoever has these can derive the address again. */
export interface AssetOrigin {
  /** The owner's Ed25519 key, 32 bytes. */
  readonly owner: Uint8Array
  /** SHA3-256 of the owner's FALCON-1024 key, 32 bytes. */
  readonly falconHash: Uint8Array
  /** 32 bytes. */
  readonly assetId: Uint8Array
}

/**
 * The address of a node, derived from its keys.
 *
 * @throws {ProxyNatError} `wrong-length` when a key is not as long as its scheme says.
 */
export function nodeAddress(keys: NodeKeys): MeshAddress {
  return nodeAddressOf(keys.ed25519, falconHash(keys.falcon1024))
}

/**
 * The address of an asset. It is bound to its owner, not to a place, so an asset keeps it when it moves.
 *
 * @param assetId - 32 bytes.
 * @throws {ProxyNatError} `wrong-length` when `owner` is no node address or `assetId` is not 32 bytes.
 */
export function assetAddress(owner: MeshAddress, assetId: Uint8Array): MeshAddress {
  if (kindOf(owner) !== 'node') throw new ProxyNatError('wrong-length', 'the owner is not a node')
  return derive('asset', owner, sized('asset id', assetId, ASSET_ID_SIZE))
}

/**
 * The address of a service that several nodes answer for.
 *
 * @param key - 32 bytes.
 * @throws {ProxyNatError} `wrong-length`.
 */
export function serviceAddress(key: Uint8Array): MeshAddress {
  return derive('service', sized('service key', key, ED25519_KEY_SIZE))
}

/**
 * An address used once and then forgotten.
 *
 * @param key - 32 bytes.
 * @throws {ProxyNatError} `wrong-length`.
 */
export function ephemeralAddress(key: Uint8Array): MeshAddress {
  return derive('ephemeral', sized('one-time key', key, ED25519_KEY_SIZE))
}

/** The kind an address carries, or `undefined` when the bytes are no mesh address. */
export function kindOf(address: Uint8Array): AddressKind | undefined {
  const [prefix, second] = address
  if (address.length !== ADDRESS_SIZE || prefix !== PREFIX || second === undefined) return undefined
  return KINDS[second >> 6]
}

/** What an asset's address was derived from; travels with a capability or a binding as its proof. */
export function assetOrigin(keys: NodeKeys, assetId: Uint8Array): AssetOrigin {
  return {
    owner: sized('Ed25519 key', keys.ed25519, ED25519_KEY_SIZE),
    falconHash: falconHash(keys.falcon1024),
    assetId: sized('asset id', assetId, ASSET_ID_SIZE),
  }
}

export function addressOfOrigin(origin: AssetOrigin): MeshAddress {
  return assetAddress(nodeAddressOf(origin.owner, origin.falconHash), origin.assetId)
}

/** Is this the address those keys and that id lead to? An address that is not was made up. */
export function isDerived(address: MeshAddress, origin: AssetOrigin): boolean {
  return equal(address, addressOfOrigin(origin))
}

function falconHash(key: Uint8Array): Uint8Array {
  return sha3(sized('FALCON-1024 key', key, FALCON_1024_KEY_SIZE))
}

function nodeAddressOf(ed25519: Uint8Array, falconHash: Uint8Array): MeshAddress {
  return derive(
    'node',
    sized('Ed25519 key', ed25519, ED25519_KEY_SIZE),
    sized('hash of the FALCON-1024 key', falconHash, HASH_SIZE),
  )
}

function derive(kind: AddressKind, ...material: Uint8Array[]): MeshAddress {
  const kindBits = KINDS.indexOf(kind)
  const parts = material.flatMap((part) => [lengthOf(part), part])
  const hash = sha3(DOMAIN, Uint8Array.of(kindBits), ...parts)
  const address = new Uint8Array(ADDRESS_SIZE)
  address[0] = PREFIX
  // The kind takes two bits of the second byte, so every byte of the hash moves right by two.
  let carried = kindBits
  for (let at = 1; at < ADDRESS_SIZE; at++) {
    const byte = hash[at - 1] ?? 0
    address[at] = (carried << 6) | (byte >> 2)
    carried = byte & 0b11
  }
  return address
}

function lengthOf(part: Uint8Array): Uint8Array {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, part.length)
  return length
}

function sized(what: string, bytes: Uint8Array, size: number): Uint8Array {
  if (bytes.length === size) return bytes
  throw new ProxyNatError('wrong-length', `${what} has ${bytes.length} bytes, not ${size}`)
}
