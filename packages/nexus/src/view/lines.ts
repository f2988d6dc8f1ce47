import type { MeshEvent, Summary } from '../mesh/event.ts'
import { bytes, count, seconds } from './quantity.ts'
import { tableLines } from './table.ts'
import type { View } from './view.ts'

/** Off a terminal a line of progress is worth reading about this often: every eighth of the job. */
const PROGRESS_STEPS = 8

/** Plain lines: what a log or a pipe gets. */
export function lineView(write: (text: string) => void): View {
  let shown = 0
  return {
    show: (event) => {
      if (event.event === 'progress') {
        const step = Math.floor((event.done / event.total) * PROGRESS_STEPS)
        if (step === shown) return
        shown = step
      }
      for (const line of linesOf(event)) write(`${line}\n`)
    },
    close: () => {},
  }
}

/** What a person reads of an event; the progress of a terminal is drawn elsewhere. */
export function linesOf(event: MeshEvent): readonly string[] {
  switch (event.event) {
    case 'start':
      return [
        `HyperMesh  ${event.nodes} nodes on this machine, as processes of their own, over real QUIC on [::1]`,
      ]
    case 'nodes':
      return [
        step(
          'nodes',
          `${event.nodes} made, with Ed25519, ML-DSA-65 and FALCON-1024 keys of their own`,
          event.ms,
        ),
      ]
    case 'job':
      return [`  job      ${event.title}`]
    case 'phase':
      return [step(`phase ${event.phase}`, `${event.name}: ${event.detail}`, event.ms)]
    case 'assets':
      return [step('assets', event.detail, event.ms)]
    case 'input':
      return [
        step(
          'input',
          `${event.parts} parts, ${bytes(event.bytes)}, in the memory of two nodes each`,
          event.ms,
        ),
      ]
    case 'progress':
      return [
        `  job      ${event.done} of ${event.total} parts, ${bytes(rate(event.bytes, event.ms))}/s${left(event)}`,
      ]
    case 'killed':
      return [`  killed   ${event.node}, as asked: the rest goes on`]
    case 'moved':
      return [`  moved    part ${event.part} away from ${event.from}: ${event.reason}`]
    case 'audited':
      return [
        step(
          'audit',
          `${event.agreed} of ${event.parts} parts drawn by the beacon gave the same on another node`,
          event.ms,
        ),
      ]
    case 'checking':
      return ['  check    the same input in one plain process, to compare']
    case 'result':
      return ['', ...tableLines(event.table), '']
    case 'summary':
      return summaryLines(event.summary)
  }
}

/** Bytes a second, of bytes in milliseconds. */
export function rate(amount: number, ms: number): number {
  return ms > 0 ? (amount / ms) * 1000 : 0
}

export function left({ done, total, ms }: { done: number; total: number; ms: number }): string {
  return done === 0 || done === total ? '' : `, ${seconds((ms / done) * (total - done))} left`
}

function step(name: string, detail: string, ms: number): string {
  return `  ${name.padEnd(8)} ${detail}  ${seconds(ms)}`
}

function summaryLines(summary: Summary): readonly string[] {
  const verified = summary.receipts.filter((receipt) => receipt.verified).length
  const engines = [
    ...new Set(summary.receipts.map(({ engine, isolation }) => `${engine} (${isolation})`)),
  ]
  return [
    ...summary.receipts
      .slice(0, 3)
      .map(
        ({ part, node, wallMs, height, hash }) =>
          `  receipt  part ${String(part).padStart(2)} on ${node}, ${seconds(wallMs)}, block ${height}, ${hash.slice(0, 16)}`,
      ),
    `  receipts ${verified} of ${summary.receipts.length} verify: signed by the node that ran the part, ordered by a quorum`,
    `  sandbox  ${engines.join(', ')}`,
    `  memory   ${bytes(summary.remoteBytes)} of input read from other nodes by global address`,
    `  ledger   ${count(summary.blocks)} blocks; ${summary.proofs.made} consensus proofs made, ${count(summary.proofs.verified)} checks of one`,
    summary.ok
      ? '  same     as one plain process, to the last digit'
      : '  DIFFERS  from one plain process, or a receipt does not verify: this is a defect, please report it',
    '',
    '  Four nodes on one machine are not faster than one: they share its cores. What you saw is what',
    '  happens between machines; the speed comes when they are several.',
    '',
    '  next     the same with --kill-one   lose a node in the middle of the job',
    '           the same with --json       one JSON object a line, for programs',
    '           ARCHITECTURE.md, docs/     how it is built, what went over the wire, and why it is safe',
  ]
}
