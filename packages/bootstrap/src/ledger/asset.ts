import {
  ASSET_KINDS,
  assetOperationCodec,
  LEASES_MAX,
  verifyAssetOperation,
} from '@hypermesh/assets'
import type { AssetOperation } from '@hypermesh/assets'
import { verifyInline } from '@hypermesh/consensus'
import type { ProofPolicy, StateView, Write } from '@hypermesh/consensus'
import { equal } from '@hypermesh/crypto'

import { keyOf } from './key.ts'
import type { Rule, Setting } from './rule.ts'

type Register = Extract<AssetOperation, { readonly type: 'register' }>
type Lease = Extract<AssetOperation, { readonly type: 'lease' }>
type Release = Extract<AssetOperation, { readonly type: 'release' }>

/** Milliseconds by which an operation's time may differ from its block's. */
const CLOCK_SKEW_MS = 60_000n

/** Most assets that one owner registers: each costs every validator memory for good. */
const ASSETS_MAX = 16

/**
 * What is lent, by whom, to whom. An asset enters with its four proofs or not at all; no more of it is lent than
 * was registered.
 *
 * @param onProof - Told of every proof that was checked, and whether it held.
 */
export function assetRule(policy: ProofPolicy, onProof: (holds: boolean) => void): Rule<'asset'> {
  const registerRefusal = (
    { asset, proof }: Register,
    { state, context }: Setting,
  ): string | undefined => {
    const known = readAsset(state.get(keyOf('asset', asset.owner, asset.id)))
    if (known && known.asset.generation >= asset.generation)
      return 'a later registration is there already'
    if (!known && assetsOf(state, asset.owner).length === ASSETS_MAX)
      return `${ASSETS_MAX} assets are registered already`
    const { chainId, validators, timestamp } = context
    const question = {
      chainId,
      validators,
      policy,
      now: timestamp,
      subject: asset.id,
      owner: asset.owner,
    }
    const checked = verifyInline(proof, question)
    onProof(checked.ok)
    return checked.ok ? undefined : `proof: ${checked.reason.part}: ${checked.reason.code}`
  }
  return {
    refusal: ({ operation: bytes }, setting) => {
      const verified = verifyAssetOperation(bytes)
      if (!verified.ok) return `asset operation: ${verified.refusal.code}`
      const { operation } = verified
      const owner = operation.type === 'register' ? operation.asset.owner : operation.owner
      if (!equal(owner, setting.author)) return 'an asset is spoken for by its owner'
      if (difference(operation.at, setting.context.timestamp) > CLOCK_SKEW_MS)
        return 'the time is not now'
      switch (operation.type) {
        case 'register':
          return registerRefusal(operation, setting)
        case 'lease':
          return leaseRefusal(operation, setting)
        case 'release':
          return releaseRefusal(operation, setting)
      }
    },
    writes: ({ operation: bytes }, setting) => {
      const verified = verifyAssetOperation(bytes)
      return verified.ok ? writesOf(verified.operation, setting) : []
    },
  }
}

function leaseRefusal(lease: Lease, { state, context }: Setting): string | undefined {
  if (state.get(keyOf('lease', lease.owner, lease.id))) return 'the lease is there already'
  if (lease.until <= context.timestamp) return 'the lease is over already'
  const running = leasesOf(state, lease.owner).filter(({ until }) => until > context.timestamp)
  if (running.length >= LEASES_MAX) return `${LEASES_MAX} leases run already`
  for (const kind of ASSET_KINDS) {
    if (lease[kind] === 0n) continue
    const lent = running.reduce((sum, other) => sum + other[kind], 0n)
    const capacity = assetsOf(state, lease.owner)
      .filter((asset) => asset.kind === kind)
      .reduce((sum, asset) => sum + asset.capacity, 0n)
    if (lent + lease[kind] > capacity) return `${kind}: ${lent} of ${capacity} are lent`
  }
  return undefined
}

function releaseRefusal({ owner, id }: Release, { state }: Setting): string | undefined {
  return state.get(keyOf('lease', owner, id)) ? undefined : 'no such lease runs'
}

function writesOf(operation: AssetOperation, { state, context }: Setting): readonly Write[] {
  // Its signature has been checked, and stays in the block: a reader of the state need not check it each time.
  const value = assetOperationCodec.encode(operation)
  switch (operation.type) {
    case 'register':
      return [{ key: keyOf('asset', operation.asset.owner, operation.asset.id), value }]
    case 'lease': {
      const over = leasesOf(state, operation.owner).filter(
        ({ until }) => until <= context.timestamp,
      )
      const removed = over.map(({ owner, id }) => ({
        key: keyOf('lease', owner, id),
        value: undefined,
      }))
      return [...removed, { key: keyOf('lease', operation.owner, operation.id), value }]
    }
    case 'release':
      return [{ key: keyOf('lease', operation.owner, operation.id), value: undefined }]
  }
}

/** The leases that an owner has in the ledger, those over but not yet removed included. */
export function leasesOf(state: StateView, owner: Uint8Array): readonly Lease[] {
  return [...state.entries(keyOf('lease', owner))].flatMap(([, bytes]) => readLease(bytes) ?? [])
}

/** A lease as the ledger holds it. */
export function readLease(bytes: Uint8Array | undefined): Lease | undefined {
  const decoded = bytes && assetOperationCodec.decode(bytes)
  return decoded?.ok && decoded.value.type === 'lease' ? decoded.value : undefined
}

/** A registration as the ledger holds it. */
function readAsset(bytes: Uint8Array | undefined): Register | undefined {
  const decoded = bytes && assetOperationCodec.decode(bytes)
  return decoded?.ok && decoded.value.type === 'register' ? decoded.value : undefined
}

/** Every registered asset. */
export function assetsIn(state: StateView): readonly Register['asset'][] {
  return [...state.entries(keyOf('asset'))].flatMap(([, bytes]) => readAsset(bytes)?.asset ?? [])
}

function assetsOf(state: StateView, owner: Uint8Array): readonly Register['asset'][] {
  return [...state.entries(keyOf('asset', owner))].flatMap(
    ([, bytes]) => readAsset(bytes)?.asset ?? [],
  )
}

function difference(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a
}
