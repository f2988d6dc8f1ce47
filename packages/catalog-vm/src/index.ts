/**
 * Run code from the catalog in a sandbox on leased assets.
 *
 * @example
 * const catalog = await openCatalog({ executor, leases, mounts, proofs, receipts, clock })
 * const finished = await catalog.run({
 *   id,
 *   program: { language: 'javascript', source: 'function main(input) { return input }' },
 *   input,
 *   inputMax: 1024,
 *   lease,
 *   limits: { wallMs: 5_000, memoryBytes: 2 ** 27, outputMax: 1024 },
 *   isolation: 'namespace',
 * })
 * finished.ok // with the output, a signed receipt, and the proof that it was ordered
 *
 * @packageDocumentation
 */
export { JOBS_MAX, openCatalog } from './catalog.ts'
export type { Catalog, CatalogOptions, Executed, Finished, RunOptions, Stage } from './catalog.ts'
export type { Enforcement, EngineReport, Limited } from './engine/engine.ts'
export { ERROR_OUTPUT_MAX, STDERR_TAIL_MAX } from './engine/launch.ts'
export { CatalogError } from './errors.ts'
export type { CatalogErrorCode } from './errors.ts'
export { ISOLATIONS } from './isolation.ts'
export type { Isolation } from './isolation.ts'
export {
  ID_SIZE_MAX,
  MEMORY_BYTES_MAX,
  MEMORY_BYTES_MIN,
  programHash,
  REFERENCE_SIZE_MAX,
  SOURCE_SIZE_MAX,
  TRANSFER_SIZE_MAX,
  WALL_MS_MAX,
} from './job.ts'
export type { Job, Language, Limits, Program } from './job.ts'
export type { Clock, LeaseLimits, Leases, Mounts, ProofVerifier, Receipts } from './ports.ts'
export { RECEIPT_SIZE_MAX, receiptCodec, verifyReceipt } from './receipt.ts'
export type { Receipt, ReceiptBody, SignedReceipt, Usage, VerifiedReceipt } from './receipt.ts'
export type { Refusal, RefusalCode, Refused } from './refusal.ts'
export { reclaim } from './sandbox/group.ts'
