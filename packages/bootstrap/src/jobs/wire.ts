import { RECEIPT_SIZE_MAX, REFERENCE_SIZE_MAX, SOURCE_SIZE_MAX } from '@hypermesh/catalog-vm'
import { field, record, union } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'

import { ORDER_SIZE_MAX } from '../ledger/ledger.ts'

/** Asks a node to run a part on a lease of its assets: {@link partCodec}, {@link partAnswerCodec} back. */
export const RUN_PROTOCOL = 'hypermesh/run/1'

/** Asks a node to run a part again, to compare: {@link partCodec}, {@link auditAnswerCodec} back. */
export const AUDIT_PROTOCOL = 'hypermesh/rerun/1'

/** Asks a node to lend memory: {@link regionCodec}, {@link regionAnswerCodec} back. */
export const REGION_PROTOCOL = 'hypermesh/region/1'

/** Gives memory back before its time: {@link returnCodec}, {@link returnAnswerCodec} back. */
export const RETURN_PROTOCOL = 'hypermesh/return/1'

/** Longest output of a part. */
const OUTPUT_SIZE_MAX: number = 16 * 1024 * 1024

const REASON_MAX = 4096

/** A program and one input for it. */
export interface PartRequest {
  readonly id: Uint8Array
  readonly language: string
  readonly source: string
  /** Where the input lies: {@link referencesCodec}. */
  readonly input: Uint8Array
  readonly inputMax: number
  readonly wallMs: number
  readonly memoryBytes: number
  readonly outputMax: number
  readonly isolation: string
  /** For an audit, hash of the receipt in question. */
  readonly receipt?: Uint8Array
}

export const PART_SIZE_MAX: number = SOURCE_SIZE_MAX + REFERENCE_SIZE_MAX + 4096

export const partCodec: Codec<PartRequest> = record('hypermesh/part', 1, PART_SIZE_MAX, {
  id: field.bytes({ length: 32 }),
  language: field.text({ max: 16 }),
  source: field.text({ max: SOURCE_SIZE_MAX }),
  input: field.bytes({ max: REFERENCE_SIZE_MAX }),
  inputMax: field.count({ max: 0x7fff_ffff }),
  wallMs: field.count({ max: 0x7fff_ffff }),
  memoryBytes: field.count({ max: Number.MAX_SAFE_INTEGER }),
  outputMax: field.count({ max: OUTPUT_SIZE_MAX }),
  isolation: field.text({ max: 16 }),
  receipt: field.optional(field.bytes({ length: 32 })),
})

/** Why a node does not do what it was asked for. */
export interface Refusal {
  readonly type: 'refused'
  readonly code: string
  readonly reason: string
}

export type PartAnswer =
  | {
      readonly type: 'done'
      readonly output: Uint8Array
      readonly receipt: Uint8Array
      /** Proof that the ledger holds the receipt. */
      readonly order: Uint8Array
    }
  | Refusal

export const PART_ANSWER_SIZE_MAX: number =
  OUTPUT_SIZE_MAX + ORDER_SIZE_MAX + RECEIPT_SIZE_MAX + 1024

export const partAnswerCodec: Codec<PartAnswer> = union(
  'hypermesh/part-answer',
  1,
  PART_ANSWER_SIZE_MAX,
  {
    done: {
      output: field.bytes({ max: OUTPUT_SIZE_MAX }),
      receipt: field.bytes({ max: RECEIPT_SIZE_MAX }),
      order: field.bytes({ max: ORDER_SIZE_MAX }),
    },
    refused: { code: field.text({ max: 64 }), reason: field.text({ max: REASON_MAX }) },
  },
)

export type AuditAnswer = { readonly type: 'ran'; readonly output: Uint8Array } | Refusal

export const auditAnswerCodec: Codec<AuditAnswer> = union('hypermesh/rerun-answer', 1, 8192, {
  ran: { output: field.bytes({ length: 32 }) },
  refused: { code: field.text({ max: 64 }), reason: field.text({ max: REASON_MAX }) },
})

export interface RegionRequest {
  readonly size: number
  /** Milliseconds. */
  readonly until: bigint
}

export const regionCodec: Codec<RegionRequest> = record('hypermesh/region-request', 1, 128, {
  size: field.count({ max: Number.MAX_SAFE_INTEGER }),
  until: field.uint(),
})

export type RegionAnswer = { readonly type: 'lent'; readonly reference: Uint8Array } | Refusal

export const regionAnswerCodec: Codec<RegionAnswer> = union('hypermesh/region-answer', 1, 16_384, {
  lent: { reference: field.bytes({ max: 8192 }) },
  refused: { code: field.text({ max: 64 }), reason: field.text({ max: REASON_MAX }) },
})

export const returnCodec: Codec<{ readonly region: number }> = record('hypermesh/return', 1, 64, {
  region: field.count({ max: 0xffff_ffff }),
})

export type ReturnAnswer = { readonly type: 'returned' } | Refusal

export const returnAnswerCodec: Codec<ReturnAnswer> = union('hypermesh/return-answer', 1, 8192, {
  returned: {},
  refused: { code: field.text({ max: 64 }), reason: field.text({ max: REASON_MAX }) },
})

/** The same bytes at several places: the first that answers will do. */
export const referencesCodec: Codec<{ readonly places: readonly Uint8Array[] }> = record(
  'hypermesh/references',
  1,
  REFERENCE_SIZE_MAX,
  { places: field.list(field.bytes({ max: 8192 }), { max: 7 }) },
)

/** A refusal that fits its record. */
export function refused(code: string, reason: string): Refusal {
  return { type: 'refused', code: code.slice(0, 64), reason: reason.slice(0, REASON_MAX / 4) }
}
