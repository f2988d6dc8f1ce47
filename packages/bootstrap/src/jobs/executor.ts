import { ISOLATIONS } from '@hypermesh/catalog-vm'
import type { Catalog, Isolation, Language, Limits, Mounts, Program } from '@hypermesh/catalog-vm'
import { sha256 } from '@hypermesh/crypto'
import type { Peer } from '@hypermesh/stoq'

import type { Ledger } from '../ledger/ledger.ts'
import type { Lending } from '../lending.ts'
import type { Peers } from '../peers.ts'
import {
  AUDIT_PROTOCOL,
  auditAnswerCodec,
  PART_SIZE_MAX,
  partAnswerCodec,
  partCodec,
  refused,
  REGION_PROTOCOL,
  regionAnswerCodec,
  regionCodec,
  RUN_PROTOCOL,
} from './wire.ts'
import type { AuditAnswer, PartAnswer, PartRequest, RegionAnswer } from './wire.ts'

const LANGUAGES: readonly Language[] = ['javascript', 'python']

/** A lease outlasts the part by this much: time to order the receipt. */
const LEASE_MARGIN_MS = 30_000

/** Runs parts for others, on leases of this node's assets, and lends them memory. */
export function serveJobs(options: {
  readonly peers: Peers
  readonly catalog: Catalog
  readonly lending: Lending
  readonly mounts: Mounts
  readonly ledger: Ledger
}): void {
  const { peers } = options
  peers.answer(
    RUN_PROTOCOL,
    async (body, peer) => partAnswerCodec.encode(await runPart(body, peer, options)),
    { requestMax: PART_SIZE_MAX },
  )
  peers.answer(
    AUDIT_PROTOCOL,
    async (body) => auditAnswerCodec.encode(await runAgain(body, options)),
    { requestMax: PART_SIZE_MAX },
  )
  peers.answer(
    REGION_PROTOCOL,
    async (body, peer) => regionAnswerCodec.encode(await lendRegion(body, peer, options.lending)),
    { requestMax: 256 },
  )
}

type Executor = Omit<Parameters<typeof serveJobs>[0], 'peers'>

async function runPart(
  body: Uint8Array,
  peer: Peer,
  { catalog, lending }: Executor,
): Promise<PartAnswer> {
  const decoded = partCodec.decode(body)
  if (!decoded.ok) return refused('bad-request', `the request: ${decoded.refusal.code}`)
  const request = decoded.value
  const wanted = runOf(request)
  if (!wanted) return refused('bad-request', 'an unknown language or isolation')
  const claimed = await lending.claim({
    holder: peer.key,
    memoryBytes: request.memoryBytes,
    forMs: request.wallMs + LEASE_MARGIN_MS,
  })
  if (!claimed.ok) return refused(claimed.code, claimed.reason)
  try {
    const { id, input, inputMax } = request
    const result = await catalog.run({ id, input, inputMax, ...wanted, lease: claimed.lease.id })
    if (!result.ok)
      return refused(result.refusal.code, `${result.refusal.reason} ${result.refusal.remedy ?? ''}`)
    return { type: 'done', output: result.output, receipt: result.receipt, order: result.proof }
  } finally {
    await lending.release(claimed.lease)
  }
}

async function runAgain(
  body: Uint8Array,
  { catalog, mounts, ledger }: Executor,
): Promise<AuditAnswer> {
  const decoded = partCodec.decode(body)
  if (!decoded.ok || !decoded.value.receipt) return refused('bad-request', 'no receipt is named')
  const request = decoded.value
  const wanted = runOf(request)
  if (!wanted) return refused('bad-request', 'an unknown language or isolation')
  const input = await mounts.read(request.input, request.inputMax)
  if (!input.ok) return refused('input-unavailable', input.reason)
  const { program, limits, isolation } = wanted
  const result = await catalog.execute(program, input.bytes, limits, isolation)
  if (!result.ok) return refused(result.refusal.code, result.refusal.reason)
  const output = sha256(result.output)
  const ordered = await ledger.submit({ type: 'verdict', receipt: decoded.value.receipt, output })
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
