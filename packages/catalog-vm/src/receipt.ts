import type { Codec, SigningKey } from '@hypermesh/crypto'
import { field, record, verify } from '@hypermesh/crypto'
import { CatalogError } from './errors.ts'
import type { Isolation } from './isolation.ts'
import { isIsolation } from './isolation.ts'
import { ID_SIZE_MAX } from './job.ts'

/** What a run took. What this host cannot measure is absent, never zero. */
export interface Usage {
  readonly wallMs: number
  /** Of the control group, counted by the kernel. */
  readonly cpuMs?: number
  /** Of the control group, counted by the kernel. */
  readonly memoryPeakBytes?: number
}

/** What the executor says it did. Hashes are SHA-256; times are milliseconds. */
export interface ReceiptBody {
  readonly job: Uint8Array
  readonly program: Uint8Array
  readonly input: Uint8Array
  readonly output: Uint8Array
  /** Ed25519. */
  readonly executor: Uint8Array
  readonly isolation: string
  readonly engine: string
  readonly usage: Usage
  readonly startedAt: bigint
  readonly endedAt: bigint
  readonly lease: Uint8Array
}

export interface SignedReceipt extends ReceiptBody {
  readonly signature: Uint8Array
}

export interface Receipt extends SignedReceipt {
  readonly isolation: Isolation
}

/** Longest receipt, in bytes. */
export const RECEIPT_SIZE_MAX = 1024

/** Longest name of an engine, in bytes; names are ASCII. */
export const ENGINE_NAME_MAX = 128

const body = {
  job: field.bytes({ max: ID_SIZE_MAX }),
  program: field.bytes({ length: 32 }),
  input: field.bytes({ length: 32 }),
  output: field.bytes({ length: 32 }),
  executor: field.bytes({ length: 32 }),
  isolation: field.text({ max: 16 }),
  engine: field.text({ max: ENGINE_NAME_MAX }),
  usage: field.record({
    wallMs: field.count({ max: Number.MAX_SAFE_INTEGER }),
    cpuMs: field.optional(field.count({ max: Number.MAX_SAFE_INTEGER })),
    memoryPeakBytes: field.optional(field.count({ max: Number.MAX_SAFE_INTEGER })),
  }),
  startedAt: field.uint(),
  endedAt: field.uint(),
  lease: field.bytes({ max: ID_SIZE_MAX }),
}

// What is signed has a domain of its own, so that no other record of the same key can pass for it.
const bodyCodec: Codec<ReceiptBody> = record('catalog-vm/receipt-body', 1, RECEIPT_SIZE_MAX, body)

/** A receipt as it travels: canonical bytes, version 1. */
export const receiptCodec: Codec<SignedReceipt> = record(
  'catalog-vm/receipt',
  1,
  RECEIPT_SIZE_MAX,
  { ...body, signature: field.bytes({ length: 64 }) },
)

/** @throws {CatalogError} `bad-receipt` when the key is not the executor's. */
export function signReceipt(
  executor: SigningKey,
  receipt: Omit<ReceiptBody, 'executor'>,
): Uint8Array {
  if (executor.scheme !== 'ed25519') {
    throw new CatalogError(
      'bad-receipt',
      `receipts are signed with ed25519, not ${executor.scheme}`,
    )
  }
  const content = { ...receipt, executor: executor.publicKey }
  return receiptCodec.encode({ ...content, signature: executor.sign(bodyCodec.encode(content)) })
}

export type VerifiedReceipt =
  | { readonly ok: true; readonly receipt: Receipt }
  | {
      readonly ok: false
      readonly refusal: {
        readonly code: 'malformed' | 'wrong-signature' | 'unknown-isolation' | 'times-reversed'
        readonly reason: string
      }
    }

/** Whether these bytes are a receipt that its executor signed. Whom that key belongs to is for the caller to know. */
export function verifyReceipt(bytes: Uint8Array): VerifiedReceipt {
  const decoded = receiptCodec.decode(bytes)
  if (!decoded.ok) {
    const { code, at } = decoded.refusal
    return refusal('malformed', at === undefined ? code : `${code} at ${at}`)
  }
  const { signature, ...content } = decoded.value
  if (!verify('ed25519', content.executor, bodyCodec.encode(content), signature)) {
    return refusal('wrong-signature', 'the executor did not sign this')
  }
  const { isolation } = content
  if (!isIsolation(isolation)) return refusal('unknown-isolation', `isolation ${isolation}`)
  if (content.endedAt < content.startedAt) {
    return refusal('times-reversed', `ended at ${content.endedAt}, started at ${content.startedAt}`)
  }
  return { ok: true, receipt: { ...content, isolation, signature } }
}

type RefusedReceipt = Extract<VerifiedReceipt, { ok: false }>

function refusal(code: RefusedReceipt['refusal']['code'], reason: string): RefusedReceipt {
  return { ok: false, refusal: { code, reason } }
}
