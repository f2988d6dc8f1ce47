import {
  FINALIZED_SIZE_MAX,
  finalizedCodec,
  verifyFinalized,
  verifyOperation,
} from '@hypermesh/consensus'
import type { Finalized, Validator } from '@hypermesh/consensus'
import { equal, field, record } from '@hypermesh/crypto'

import { OPERATION_SIZE_MAX, readOperation } from './operation.ts'
import type { Operation } from './operation.ts'

/** Longest path: a block has fewer operations than two to this power. */
const PATH_MAX = 32

export const ORDER_SIZE_MAX: number = FINALIZED_SIZE_MAX + OPERATION_SIZE_MAX + 4096

const orderCodec = record('hypermesh/order', 1, ORDER_SIZE_MAX, {
  finalized: field.bytes({ max: FINALIZED_SIZE_MAX }),
  operation: field.bytes({ max: OPERATION_SIZE_MAX }),
  index: field.count({ max: 0xffff_ffff }),
  size: field.count({ max: 0xffff_ffff }),
  path: field.list(field.bytes({ length: 32 }), { max: PATH_MAX }),
})

/** An operation with the proof of its place in the ledger. */
export interface Order {
  readonly finalized: Finalized
  readonly operation: Uint8Array
  readonly index: number
  readonly size: number
  readonly path: readonly Uint8Array[]
}

export function encodeOrder(order: Order): Uint8Array {
  return orderCodec.encode({ ...order, finalized: finalizedCodec.encode(order.finalized) })
}

/** Which ledger an order must be of. */
export interface LedgerName {
  readonly chain: Uint8Array
  readonly validators: readonly Validator[]
}

/** @returns What was ordered and at which height; undefined where the bytes do not prove it. */
export function readOrder(
  bytes: Uint8Array,
  { chain, validators }: LedgerName,
):
  | { readonly operation: Operation; readonly height: bigint; readonly timestamp: bigint }
  | undefined {
  const decoded = orderCodec.decode(bytes)
  if (!decoded.ok) return undefined
  const finalized = finalizedCodec.decode(decoded.value.finalized)
  if (!finalized.ok || !verifyFinalized(finalized.value, validators, chain)) return undefined
  const { header } = finalized.value
  if (!verifyOperation(header, decoded.value.operation, decoded.value)) return undefined
  const operation = readOperation(decoded.value.operation, chain)
  return operation && { operation, height: header.height, timestamp: header.timestamp }
}

/** Does `order` prove that the ledger holds the receipt? */
export function verifyOrdered(
  order: Uint8Array,
  expected: LedgerName & { readonly receipt: Uint8Array },
): { readonly ok: true; readonly height: bigint } | { readonly ok: false } {
  const read = readOrder(order, expected)
  if (read?.operation.body.type !== 'receipt') return { ok: false }
  if (!equal(read.operation.body.receipt, expected.receipt)) return { ok: false }
  return { ok: true, height: read.height }
}
