import type { Codec, Field, RecordRefusal, SigningKey } from '@hypermesh/crypto'
import { equal, field, record, union, verify } from '@hypermesh/crypto'
import type { Asset, AssetKind, PrivacyLevel } from './asset.ts'
import { ASSET_KINDS, assetId, NAME_SIZE_MAX, PRIVACY_LEVELS } from './asset.ts'
import { LEASE_MS_MAX } from './book.ts'

/** Largest consensus proof an operation carries, in bytes. Real ones are a few kilobytes. */
export const PROOF_SIZE_MAX = 65_536

/** Most attributes of one asset, and the longest name and value of each, in bytes. */
export const ATTRIBUTES_MAX = 16
const ATTRIBUTE_NAME_SIZE_MAX = 64
const ATTRIBUTE_VALUE_SIZE_MAX = 256

// An asset with all its attributes, and the framing around it.
const OPERATION_SIZE_MAX = PROOF_SIZE_MAX + 8_192

/** Why a lease ended before its time. */
export type ReleaseCause = 'released' | 'reclaimed'
const RELEASE_CAUSES: readonly [ReleaseCause, ...ReleaseCause[]] = ['released', 'reclaimed']

/** What an owner has the ledger order about its assets. Times in milliseconds. */
export type AssetOperation =
  | {
      readonly type: 'register'
      readonly asset: Asset
      /** The consensus proof over the asset's id. */
      readonly proof: Uint8Array
      readonly at: bigint
    }
  | {
      readonly type: 'lease'
      readonly id: Uint8Array
      readonly owner: Uint8Array
      readonly holder: Uint8Array
      readonly cpu: bigint
      readonly memory: bigint
      readonly storage: bigint
      readonly privacy: PrivacyLevel
      readonly at: bigint
      readonly until: bigint
    }
  | {
      readonly type: 'release'
      /** The lease. */
      readonly id: Uint8Array
      readonly owner: Uint8Array
      readonly cause: ReleaseCause
      readonly at: bigint
    }

// One of a few words, as its place in their list.
function word<W extends string>(words: readonly [W, ...W[]]): Field<W> {
  const place = field.count({ max: words.length - 1 })
  return {
    write: (writer, value) => place.write(writer, words.indexOf(value)),
    read: (reader) => words[place.read(reader)] ?? words[0],
  }
}

const hash = field.bytes({ length: 32 })
const kind: Field<AssetKind> = word(ASSET_KINDS)
const privacy: Field<PrivacyLevel> = word(PRIVACY_LEVELS)

const asset: Field<Asset> = field.record({
  id: hash,
  kind,
  name: field.text({ max: NAME_SIZE_MAX }),
  owner: hash,
  capacity: field.uint(),
  privacy,
  generation: field.uint(),
  attributes: field.list(
    field.record({
      name: field.text({ max: ATTRIBUTE_NAME_SIZE_MAX }),
      value: field.text({ max: ATTRIBUTE_VALUE_SIZE_MAX }),
    }),
    { max: ATTRIBUTES_MAX },
  ),
})

/** An operation's bytes before they are signed. On the ledger go {@link signAssetOperation}'s. */
export const assetOperationCodec: Codec<AssetOperation> = union(
  'hypermesh/asset-operation',
  1,
  OPERATION_SIZE_MAX,
  {
    register: { asset, proof: field.bytes({ max: PROOF_SIZE_MAX }), at: field.uint() },
    lease: {
      id: hash,
      owner: hash,
      holder: hash,
      cpu: field.uint(),
      memory: field.uint(),
      storage: field.uint(),
      privacy,
      at: field.uint(),
      until: field.uint(),
    },
    release: { id: hash, owner: hash, cause: word(RELEASE_CAUSES), at: field.uint() },
  },
)

interface SignedOperation {
  readonly operation: Uint8Array
  readonly signature: Uint8Array
}

const signedCodec: Codec<SignedOperation> = record(
  'hypermesh/signed-asset-operation',
  1,
  OPERATION_SIZE_MAX + 256,
  { operation: field.bytes({ max: OPERATION_SIZE_MAX }), signature: field.bytes({ length: 64 }) },
)

export type OperationRefusal =
  | RecordRefusal
  /** The signature is not the named owner's over these bytes. */
  | { readonly code: 'forged' }
  /** The asset's id is not its owner's, kind's and name's. */
  | { readonly code: 'wrong-id' }
  /** The amounts or times say nothing or contradict each other. */
  | { readonly code: 'meaningless'; readonly at: string }

/**
 * The bytes that go to the ledger: the operation and its owner's Ed25519 signature.
 *
 * @throws {CryptoError} `bad-value` when the operation does not fit its codec.
 */
export function signAssetOperation(owner: SigningKey, operation: AssetOperation): Uint8Array {
  const bytes = assetOperationCodec.encode(operation)
  return signedCodec.encode({ operation: bytes, signature: owner.sign(bytes) })
}

/**
 * Reads an operation that someone put before the ledger: its form, its owner's signature, and its sense by itself.
 * What depends on the ledger's state (is the lease open, does the capacity suffice) is the ledger's to check.
 */
export function verifyAssetOperation(
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly operation: AssetOperation }
  | { readonly ok: false; readonly refusal: OperationRefusal } {
  const signed = signedCodec.decode(bytes)
  if (!signed.ok) return signed
  const decoded = assetOperationCodec.decode(signed.value.operation)
  if (!decoded.ok) return decoded
  const operation = decoded.value
  const owner = operation.type === 'register' ? operation.asset.owner : operation.owner
  if (!verify('ed25519', owner, signed.value.operation, signed.value.signature)) {
    return { ok: false, refusal: { code: 'forged' } }
  }
  const refusal = nonsense(operation)
  return refusal === undefined ? { ok: true, operation } : { ok: false, refusal }
}

function nonsense(operation: AssetOperation): OperationRefusal | undefined {
  switch (operation.type) {
    case 'register': {
      const { id, owner, kind, name, capacity } = operation.asset
      if (!equal(id, assetId(owner, kind, name))) return { code: 'wrong-id' }
      return capacity === 0n ? { code: 'meaningless', at: 'asset.capacity' } : undefined
    }
    case 'lease': {
      const { at, until, cpu, memory, storage } = operation
      const isLength = until > at && until - at <= LEASE_MS_MAX
      if (!isLength) return { code: 'meaningless', at: 'until' }
      return cpu + memory + storage === 0n ? { code: 'meaningless', at: 'cpu' } : undefined
    }
    case 'release':
      return undefined
    default:
      return operation satisfies never
  }
}
