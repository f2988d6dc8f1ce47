import { ISOLATIONS, programHash, verifyReceipt } from '@hypermesh/catalog-vm'
import type { Catalog, Isolation, Language, Limits, Mounts, Program } from '@hypermesh/catalog-vm'
import { equal, sha256 } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'
import type { Peer, RequestHandler } from '@hypermesh/stoq'

import { keyOf, watch } from '../ledger/ledger.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Lending } from '../lending.ts'
import type { Peers } from '../peers.ts'
import { perPeer } from './allowance.ts'
import {
  AUDIT_PROTOCOL,
  auditAnswerCodec,
  PART_SIZE_MAX,
  partAnswerCodec,
  partCodec,
  refused,
  REGION_PROTOCOL,
  RETURN_PROTOCOL,
  returnAnswerCodec,
  returnCodec,
  regionAnswerCodec,
  regionCodec,
  RUN_PROTOCOL,
} from './wire.ts'
import type {
  AuditAnswer,
  PartAnswer,
  PartRequest,
  Refusal,
  RegionAnswer,
  ReturnAnswer,
} from './wire.ts'

const LANGUAGES: readonly Language[] = ['javascript', 'python']

/** Longest run for another node: its lease keeps the processor from everybody else. */
const RUN_MS_MAX = 3_600_000

/** A lease outlasts the part by this much: time to order the receipt. */
const LEASE_MARGIN_MS = 30_000

/** Requests of one peer that are under way here at a time, of each kind. */
const REQUESTS_MAX = 8

/** How much longer than the first run a second one may take: another machine, other work on it. */
const RERUN_SLOWER = 10
const RERUN_MARGIN_MS = 10_000

/** The receipt is final somewhere when a rerun is asked for; here it is soon after. */
const RECEIPT_MS = 2000

/** Runs parts for others, on leases of this node's assets, and lends them memory. */
export function serveJobs(options: {
  readonly peers: Peers
  readonly catalog: Catalog
  readonly lending: Lending
  readonly mounts: Mounts
  readonly ledger: Ledger
  /** This node's own. */
  readonly key: Uint8Array
}): void {
  const { peers, lending } = options
  const serve = <A>(
    protocol: string,
    requestMax: number,
    codec: Codec<A | Refusal>,
    answer: (body: Uint8Array, peer: Peer, signal: AbortSignal) => Promise<A | Refusal>,
  ): void => {
    const busy = codec.encode(refused('busy', `${REQUESTS_MAX} requests are under way`))
    const handler: RequestHandler = async (body, peer, { signal }) => {
      try {
        return codec.encode(await answer(body, peer, signal))
      } catch (error) {
        // Whoever asks goes elsewhere now, and may come again: this node is not gone.
        return codec.encode(refused('failed', error instanceof Error ? error.message : 'failed'))
      }
    }
    peers.answer(protocol, perPeer(REQUESTS_MAX, busy, handler), { requestMax })
  }
  serve(RUN_PROTOCOL, PART_SIZE_MAX, partAnswerCodec, (body, peer, signal) =>
    runPart(body, peer, signal, options),
  )
  serve(AUDIT_PROTOCOL, PART_SIZE_MAX, auditAnswerCodec, (body, _, signal) =>
    runAgain(body, signal, options),
  )
  serve(REGION_PROTOCOL, 256, regionAnswerCodec, (body, peer) => lendRegion(body, peer, lending))
  serve(RETURN_PROTOCOL, 256, returnAnswerCodec, (body, peer) => takeBack(body, peer, lending))
}

type Executor = Omit<Parameters<typeof serveJobs>[0], 'peers'>

async function runPart(
  body: Uint8Array,
  peer: Peer,
  signal: AbortSignal,
  { catalog, lending }: Executor,
): Promise<PartAnswer> {
  const decoded = partCodec.decode(body)
  if (!decoded.ok) return refused('bad-request', `the request: ${decoded.refusal.code}`)
  const request = decoded.value
  const wanted = runOf(request)
  if (!wanted) return refused('bad-request', 'an unknown language or isolation')
  if (request.wallMs > RUN_MS_MAX)
    return refused('bad-request', `a part runs for ${RUN_MS_MAX} ms at most`)
  const claimed = await lending.claim({
    holder: peer.key,
    memoryBytes: request.memoryBytes,
    forMs: request.wallMs + LEASE_MARGIN_MS,
  })
  if (!claimed.ok) return refused(claimed.code, claimed.reason)
  try {
    const { id, input, inputMax } = request
    const job = { id, input, inputMax, ...wanted, lease: claimed.lease.id }
    const result = await catalog.run(job, { signal })
    if (!result.ok) return refused(result.refusal.code, sentence(result.refusal))
    return { type: 'done', output: result.output, receipt: result.receipt, order: result.proof }
  } finally {
    await lending.release(claimed.lease)
  }
}

// Without a lease: only what the ledger says was run is run again, once, and about as long.
async function runAgain(
  body: Uint8Array,
  signal: AbortSignal,
  { catalog, mounts, ledger, key }: Executor,
): Promise<AuditAnswer> {
  const decoded = partCodec.decode(body)
  if (!decoded.ok || !decoded.value.receipt) return refused('bad-request', 'no receipt is named')
  const { receipt: hash, ...request } = decoded.value
  const wanted = runOf(request)
  if (!wanted) return refused('bad-request', 'an unknown language or isolation')
  const judged = ledger.state().get(keyOf('verdict', hash, key))
  if (judged) return { type: 'ran', output: judged }
  const soon = AbortSignal.any([signal, AbortSignal.timeout(RECEIPT_MS)])
  const bytes = await watch(ledger.consensus, soon, () =>
    ledger.state().get(keyOf('receipt', hash)),
  )
  const known = bytes && verifyReceipt(bytes)
  if (!known?.ok) return refused('unknown-receipt', 'the receipt is not in the ledger')
  const { receipt } = known
  // A verdict on a receipt is about its own program and input; on others it would be a slander.
  if (!equal(programHash(wanted.program), receipt.program))
    return refused('bad-request', 'the receipt is for another program')
  const input = await mounts.read(request.input, request.inputMax)
  if (!input.ok) return refused('input-unavailable', input.reason)
  if (!equal(sha256(input.bytes), receipt.input))
    return refused('bad-request', 'the receipt is for another input')
  const { program, isolation } = wanted
  const longest = receipt.usage.wallMs * RERUN_SLOWER + RERUN_MARGIN_MS
  const limits = { ...wanted.limits, wallMs: Math.min(wanted.limits.wallMs, longest) }
  const result = await catalog.execute(program, input.bytes, limits, isolation, { signal })
  if (!result.ok) return refused(result.refusal.code, result.refusal.reason)
  const output = sha256(result.output)
  const ordered = await ledger.submit({ type: 'verdict', receipt: hash, output })
  return ordered.ok ? { type: 'ran', output } : refused('not-ordered', ordered.reason)
}

interface Run {
  readonly program: Program
  readonly limits: Limits
  readonly isolation: Isolation
}

/** @returns Undefined for a language or a level that this version does not know. */
function runOf(request: PartRequest): Run | undefined {
  const { source, wallMs, memoryBytes, outputMax } = request
  const language = LANGUAGES.find((known) => known === request.language)
  const isolation = ISOLATIONS.find((known) => known === request.isolation)
  if (!language || !isolation) return undefined
  return { program: { language, source }, limits: { wallMs, memoryBytes, outputMax }, isolation }
}

async function lendRegion(body: Uint8Array, peer: Peer, lending: Lending): Promise<RegionAnswer> {
  const decoded = regionCodec.decode(body)
  if (!decoded.ok) return refused('bad-request', `the request: ${decoded.refusal.code}`)
  const { size, until } = decoded.value
  const lent = await lending.lendRegion({ holder: peer.key, sizeBytes: size, until })
  return lent.ok ? { type: 'lent', reference: lent.reference } : refused(lent.code, lent.reason)
}

async function takeBack(body: Uint8Array, peer: Peer, lending: Lending): Promise<ReturnAnswer> {
  const decoded = returnCodec.decode(body)
  if (!decoded.ok) return refused('bad-request', `the request: ${decoded.refusal.code}`)
  const taken = await lending.returnRegion({ holder: peer.key, region: decoded.value.region })
  return taken.ok ? { type: 'returned' } : refused(taken.code, taken.reason)
}

function sentence({
  reason,
  remedy,
}: {
  readonly reason: string
  readonly remedy?: string
}): string {
  return remedy === undefined ? reason : `${reason}; to change that: ${remedy}`
}
