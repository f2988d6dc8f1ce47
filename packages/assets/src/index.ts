/**
 * Detect, lend, meter and reclaim what a machine has.
 *
 * @example
 * await using assets = await openAssets({ owner, share, directory, ledger, proofs, clock })
 * for (const asset of assets.detect()) await assets.register(asset, await prove(asset.id))
 * const claimed = await assets.claim({ holder, memory: 4096n, until, privacy: 'private-network' })
 * if (claimed.ok) claimed.lease.region?.bytes.length // 4096
 *
 * @packageDocumentation
 */
export { ASSET_KINDS, assetId, NAME_SIZE_MAX, PRIVACY_LEVELS } from './asset.ts'
export type { Amounts, Asset, AssetKind, Attribute, PrivacyLevel } from './asset.ts'
export type { Assets, AssetsOptions } from './assets.ts'
export {
  free,
  LEASE_MS_MAX,
  LEASES_MAX,
  LEASES_PER_HOLDER_MAX,
  lentOf,
  openBook,
  step,
} from './book.ts'
export type { BookEvent, BookRefusal, BookStep, LeaseBook, Loan } from './book.ts'
export type { Absence } from './detect.ts'
export { AssetsError } from './errors.ts'
export type { AssetsErrorCode } from './errors.ts'
export type {
  Claim,
  Claimed,
  ClaimRefusal,
  Enforcement,
  Lease,
  Offer,
  Offered,
  RegisterRefusal,
  ReleaseRefusal,
  Usage,
} from './lease.ts'
export { openAssets } from './lender.ts'
export type { Machine } from './machine.ts'
export {
  ATTRIBUTES_MAX,
  assetOperationCodec,
  PROOF_SIZE_MAX,
  signAssetOperation,
  verifyAssetOperation,
} from './operation.ts'
export type { AssetOperation, OperationRefusal, ReleaseCause } from './operation.ts'
export type { AssetClock, AssetLedger, ProofVerifier } from './ports.ts'
export { shareOf, SHARES_MAX } from './share.ts'
export type { Share } from './share.ts'
export type { Metered } from './usage.ts'
