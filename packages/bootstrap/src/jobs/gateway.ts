import { ISOLATIONS, programHash, verifyReceipt } from '@hypermesh/catalog-vm'
import { equal, sha256 } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import type { Links, TrustSource } from '@hypermesh/proxy-nat'

import type { Directory, Entry } from '../directory.ts'
import { BootstrapError } from '../errors.ts'
import { verifyOrdered } from '../ledger/ledger.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Peers } from '../peers.ts'
import type { SystemClock } from '../plugs/clock.ts'
import { rerun } from './rerun.ts'
import { requestFor } from './request.ts'
import type { Part } from './request.ts'
import { giveBack, store } from './store.ts'
import { PART_ANSWER_SIZE_MAX, partAnswerCodec, partCodec, RUN_PROTOCOL } from './wire.ts'
import type { JobEvent, JobReport, JobWork, PartReceipt } from './work.ts'

/** How long the parts' memory is asked for. */
const MEMORY_MS = 600_000n

/** A node that fails this often in a row gets no more parts of the job. */
const FAILURES_MAX = 2

/** Added to a part's own time: reading its input, and three turns of the ledger. */
const OVERHEAD_MS = 20_000

export interface GatewayOptions {
  readonly key: SigningKey
  readonly directory: Directory
  readonly peers: Peers
  readonly links: Links
  readonly trust: TrustSource
  readonly ledger: Ledger
  readonly clock: SystemClock
}

/** A part that was run. */
interface Done {
  readonly node: Entry
  readonly output: Uint8Array
  readonly receipt: Uint8Array
  readonly order: Uint8Array
}

/**
 * Carries a job through the mesh: its parts into the memory of nodes, one part at a time to each node, and again to
 * another where one fails; then a sample of them to be run again elsewhere.
 *
 * @throws {BootstrapError} `job-failed` when no node is left that runs a part; `no-memory`.
 */
export async function runJob(
  work: JobWork,
  options: GatewayOptions,
  tell: (event: JobEvent) => void,
): Promise<JobReport> {
  const start = performance.now()
  const nodes = options.directory.all()
  const copies = await store(work.parts, nodes, options.clock.now() + MEMORY_MS, options)
  try {
    const parts = work.parts.map((bytes, index) => ({
      index,
      bytes,
      hash: sha256(bytes),
      copies: copies[index] ?? [],
    }))
    const stored = performance.now()
    const bytes = work.parts.reduce((sum, part) => sum + part.length, 0)
    tell({ type: 'stored', parts: parts.length, bytes, ms: stored - start })
    const gone = new Set<Entry>()
    const done = await runAll(work, parts, nodes, gone, options, tell)
    const ran = performance.now()
    const left = nodes.filter((node) => !gone.has(node))
    await rerun({ work, parts, done, nodes: left }, options, tell)
    const figures = {
      storeMs: Math.round(stored - start),
      runMs: Math.round(ran - stored),
      rerunMs: Math.round(performance.now() - ran),
    }
    return reportOf(done, figures)
  } finally {
    await giveBack(copies, options.peers)
  }
}

function reportOf(done: readonly Done[], figures: JobReport['figures']): JobReport {
  return {
    outputs: done.map(({ output }) => output),
    receipts: done.map(({ node, receipt, order }, part): PartReceipt => ({
      part,
      node: node.name,
      receipt,
      order,
    })),
    figures,
  }
}

/** @param gone - Takes the nodes that could not be reached. */
async function runAll(
  work: JobWork,
  parts: readonly Part[],
  nodes: readonly Entry[],
  gone: Set<Entry>,
  options: GatewayOptions,
  tell: (event: JobEvent) => void,
): Promise<readonly Done[]> {
  const waiting = [...parts]
  const done = new Map<number, Done>()
  let wake = Promise.withResolvers<void>()
  const crew = async (node: Entry): Promise<void> => {
    for (let failures = 0; failures < FAILURES_MAX && done.size < parts.length;) {
      const part = take(waiting, node)
      if (!part) {
        // Another node may yet fail and give its part back.
        await wake.promise
        continue
      }
      const result = await runPart(work, part, node, options)
      if (result.ok) {
        failures = 0
        done.set(part.index, result.done)
        tell({ type: 'done', part: part.index, node: node.name, bytes: part.bytes.length })
      } else {
        // A node that cannot be reached keeps a part for as long as it takes to notice: once is enough.
        failures = result.isGone ? FAILURES_MAX : failures + 1
        if (result.isGone) gone.add(node)
        waiting.push(part)
        tell({ type: 'moved', part: part.index, from: node.name, reason: result.reason })
      }
      wake.resolve()
      wake = Promise.withResolvers()
    }
  }
  await Promise.race([
    Promise.all(nodes.map(crew)),
    everything(
      () => done.size === parts.length,
      () => wake.promise,
    ),
  ])
  return parts.map(({ index }) => {
    const result = done.get(index)
    if (!result) throw new BootstrapError('job-failed', `no node is left that runs part ${index}`)
    return result
  })
}

// A node that is dead but does not answer keeps its loop waiting; the job does not wait for that.
async function everything(isDone: () => boolean, next: () => Promise<void>): Promise<void> {
  while (!isDone()) await next()
}

/** A part whose input is in other nodes' memory, where there is one: then the work is spread, and so is the reading. */
function take(waiting: Part[], node: Entry): Part | undefined {
  const remote = waiting.findIndex(({ copies }) =>
    copies.every((copy) => copy.node.name !== node.name),
  )
  const [part] = waiting.splice(Math.max(remote, 0), 1)
  return part
}

async function runPart(
  work: JobWork,
  part: Part,
  node: Entry,
  options: GatewayOptions,
): Promise<
  | { readonly ok: true; readonly done: Done }
  | { readonly ok: false; readonly isGone: boolean; readonly reason: string }
> {
  const failed = (reason: string): { ok: false; isGone: boolean; reason: string } => ({
    ok: false,
    isGone: false,
    reason,
  })
  const request = requestFor(work, part, node, options)
  const body = partCodec.encode(request)
  try {
    const signal = AbortSignal.timeout(work.limits.wallMs + OVERHEAD_MS)
    const bytes = await options.peers.request(node.key, RUN_PROTOCOL, body, {
      signal,
      responseMax: PART_ANSWER_SIZE_MAX,
    })
    const answer = partAnswerCodec.decode(bytes)
    if (!answer.ok) return failed(`answered nonsense: ${answer.refusal.code}`)
    if (answer.value.type === 'refused') return failed(answer.value.reason)
    const { output, receipt, order } = answer.value
    const flaw = flawOf(answer.value, { work, part, node, job: request.id, ledger: options.ledger })
    if (flaw !== undefined) return failed(flaw)
    return { ok: true, done: { node, output, receipt, order } }
  } catch (error) {
    return {
      ok: false,
      isGone: true,
      reason: error instanceof Error ? error.message : String(error),
    }
  }
}

// A wrong answer would be found out by whoever gave the job: found here, the part can still go to another node.
function flawOf(
  { output, receipt: bytes, order }: Omit<Done, 'node'>,
  asked: {
    readonly work: JobWork
    readonly part: Part
    readonly node: Entry
    readonly job: Uint8Array
    readonly ledger: Ledger
  },
): string | undefined {
  const { work, part, node, job, ledger } = asked
  const verified = verifyReceipt(bytes)
  if (!verified.ok || !equal(verified.receipt.executor, node.key))
    return 'its receipt does not verify'
  const { receipt } = verified
  const isIt =
    equal(receipt.job, job) &&
    equal(receipt.program, programHash(work.program)) &&
    equal(receipt.input, part.hash) &&
    equal(receipt.output, sha256(output)) &&
    output.length <= work.limits.outputMax &&
    ISOLATIONS.indexOf(receipt.isolation) >= ISOLATIONS.indexOf(work.isolation)
  if (!isIt) return 'its receipt is for something else'
  const { chain, validators } = ledger
  return verifyOrdered(order, { chain, validators, receipt: bytes }).ok
    ? undefined
    : 'its receipt is not in the ledger'
}
