import { chainOf, validatorsOf, verifyOrdered } from '@hypermesh/bootstrap'
import type { Invite, JobReport } from '@hypermesh/bootstrap'
import { programHash, verifyReceipt } from '@hypermesh/catalog-vm'
import type { Program } from '@hypermesh/catalog-vm'
import { equal, sha256, toHex } from '@hypermesh/crypto'

import type { ReceiptLine } from './event.ts'

interface Expected {
  readonly program: Program
  readonly input: readonly Uint8Array[]
  /** What the plain computation gave, in the order of the parts. */
  readonly plain: readonly Uint8Array[]
  readonly invite: Invite
}

interface Verdict {
  readonly ok: boolean
  readonly receipts: readonly ReceiptLine[]
}

/**
 * Holds a job's report against what was computed here. Nothing that a node says is believed: each receipt has
 * to bear its executor's signature, to name this program, this part and this output, and to be in a block that a
 * quorum of the invite's members finalized.
 */
export function compare(report: JobReport, expected: Expected): Verdict {
  const receipts = report.receipts.map((line) => check(line, report, expected))
  const isComplete =
    report.outputs.length === expected.plain.length && receipts.length === expected.plain.length
  const isSame = expected.plain.every((plain, part) =>
    equal(plain, report.outputs[part] ?? new Uint8Array()),
  )
  return { ok: isComplete && isSame && receipts.every(({ verified }) => verified), receipts }
}

function check(
  { part, node, receipt: bytes, order }: JobReport['receipts'][number],
  report: JobReport,
  { program, input, invite }: Expected,
): ReceiptLine {
  const receipt = verifyReceipt(bytes)
  const place = verifyOrdered(order, {
    chain: chainOf(invite),
    validators: validatorsOf(invite),
    receipt: bytes,
  })
  const hash = toHex(sha256(bytes))
  if (!receipt.ok || !place.ok) {
    return { part, node, engine: '', isolation: '', wallMs: 0, height: 0, hash, verified: false }
  }
  const { engine, isolation, usage, executor } = receipt.receipt
  const member = invite.members.find(({ name }) => name === node)
  const verified =
    member !== undefined &&
    equal(member.key, executor) &&
    equal(receipt.receipt.program, programHash(program)) &&
    equal(receipt.receipt.input, sha256(input[part] ?? new Uint8Array())) &&
    equal(receipt.receipt.output, sha256(report.outputs[part] ?? new Uint8Array()))
  return {
    part,
    node,
    engine,
    isolation,
    ...(usage.cpuMs === undefined ? {} : { cpuMs: usage.cpuMs }),
    wallMs: usage.wallMs,
    height: Number(place.height),
    hash,
    verified,
  }
}
