import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'

import { inviteCodec } from '@hypermesh/bootstrap'
import type { Invite, NodeCard, NodeStatus } from '@hypermesh/bootstrap'
import { reclaim } from '@hypermesh/catalog-vm'
import type { Isolation } from '@hypermesh/catalog-vm'
import { toHex } from '@hypermesh/crypto'

import { NexusError } from '../errors.ts'
import type { MeshJob } from '../job.ts'
import { compare } from './compare.ts'
import { openDesk } from './desk.ts'
import type { Desk } from './desk.ts'
import type { MeshEvent, Summary } from './event.ts'
import { startMember } from './member.ts'
import type { Member } from './member.ts'
import { readJob } from './module.ts'
import { followPhases } from './phases.ts'
import type { PhaseLine } from './phases.ts'
import { NODES } from './size.ts'
import { work } from './work.ts'

/** The one that holds the first root, and that the job is handed to. */
const FOUNDER = 0

/** The one that `--kill-one` ends: neither the founder nor the second root's holder. */
const VICTIM = 3

/** How long one part may run. */
const PART_WALL_MS = 60_000

/** Memory for one part: the program's runtime and a few times the part itself. */
const PART_MEMORY_BYTES = 512 * 1024 * 1024

const OUTPUT_MAX = 1024 * 1024

export interface MeshOptions {
  /** URL of the module that exports `job`. */
  readonly job: string
  readonly killOne: boolean
  /** The weakest isolation that the job accepts. */
  readonly isolation: Isolation
  readonly emit: (event: MeshEvent) => void
  readonly signal: AbortSignal
}

/**
 * Starts a mesh on this machine, takes it through its phases, runs the job on it and checks the result.
 *
 * @throws {NexusError} `interrupted` when `signal` fires; `node-died`, `node-refused`, `bad-job`.
 */
export async function runMesh(options: MeshOptions): Promise<Summary> {
  const job = await readJob(options.job)
  options.emit({ event: 'job', job: job.name, title: job.title })
  await using scope = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'hypermesh-'))
  scope.defer(() => rm(directory, { recursive: true, force: true }))
  // A node that is killed cannot take its sandboxes' control groups with it.
  if (options.killOne) scope.defer(reclaim)
  const members = Array.from({ length: NODES }, (_, index) =>
    scope.use(startMember(`node-${index + 1}`)),
  )
  const desk = scope.use(openDesk(options.job))
  return await Promise.race([
    carry(options, job, members, desk, directory),
    interruption(options.signal),
  ])
}

async function interruption(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const stop = (): void => reject(new NexusError('interrupted', 'interrupted'))
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
}

async function carry(
  options: MeshOptions,
  job: MeshJob,
  members: readonly Member[],
  desk: Desk,
  directory: string,
): Promise<Summary> {
  const started = performance.now()
  const { emit } = options
  const founder = memberAt(members, FOUNDER)
  const parts = desk.parts()
  // Whoever waits for them first may not be the first to fail.
  parts.catch(() => {})
  const cards = await Promise.all(members.map((member, index) => create(member, index, directory)))
  emit({ event: 'nodes', nodes: cards.length, ms: performance.now() - started })
  const invite = await makeInvite(founder, cards)
  const phases = await joinAll(members, invite, emit)
  await lendAll(members, emit)
  const input = await parts
  const report = await work(
    {
      gateway: founder,
      victim: options.killOne ? memberAt(members, VICTIM) : undefined,
      emit,
    },
    {
      program: job.program,
      parts: input,
      isolation: options.isolation,
      limits: { wallMs: PART_WALL_MS, memoryBytes: PART_MEMORY_BYTES, outputMax: OUTPUT_MAX },
    },
  )
  const jobMs = performance.now() - started
  emit({ event: 'checking' })
  const plain = await desk.plain()
  const verdict = compare(report, { program: job.program, input, plain, invite })
  emit({ event: 'result', table: job.table(report.outputs), ms: performance.now() - started })
  const status = await statusOf(members)
  const summary: Summary = {
    ok: verdict.ok,
    result: job.table(report.outputs).rows,
    nodes: cards.map(({ name, address }, index) => ({
      name,
      address,
      parts: verdict.receipts.filter((receipt) => receipt.node === name).length,
      alive: memberAt(members, index).isAlive(),
    })),
    phases,
    blocks: status.blocks,
    proofs: status.proofs,
    remoteBytes: status.remoteBytes,
    receipts: verdict.receipts,
    figures: {
      ...report.figures,
      jobMs: Math.round(jobMs),
      totalMs: Math.round(performance.now() - started),
    },
  }
  emit({ event: 'summary', summary })
  return summary
}

async function create(member: Member, index: number, directory: string): Promise<NodeCard> {
  return await member.call('create', {
    name: member.name,
    directory: join(directory, member.name),
    passphrase: toHex(randomBytes(16)),
    share: { index, of: NODES },
  })
}

async function makeInvite(founder: Member, cards: readonly NodeCard[]): Promise<Invite> {
  const mesh = 'demo'
  const root = await founder.call('found', { mesh })
  const members = cards.map(({ name, key, falcon, host, port }) => ({
    name,
    key,
    falcon,
    host,
    port,
    stake: 1n,
  }))
  return { mesh, root, founder: FOUNDER, members }
}

async function joinAll(
  members: readonly Member[],
  invite: Invite,
  emit: (event: MeshEvent) => void,
): Promise<readonly PhaseLine[]> {
  const lines = followPhases(members, (line) => emit({ event: 'phase', ...line }))
  const bytes = inviteCodec.encode(invite)
  await Promise.all(members.map((member) => member.call('join', bytes)))
  return lines()
}

async function lendAll(
  members: readonly Member[],
  emit: (event: MeshEvent) => void,
): Promise<void> {
  const start = performance.now()
  const lent = await Promise.all(
    members.map(async (member) =>
      (await member.call('lend', null)).map(({ kind, capacity, unit }) => ({
        node: member.name,
        kind,
        capacity,
        unit,
      })),
    ),
  )
  const assets = lent.flat()
  const total = (kind: string): number =>
    assets.filter((asset) => asset.kind === kind).reduce((sum, { capacity }) => sum + capacity, 0)
  const detail = [
    `${total('cpu') / 1000} CPU cores`,
    `${(total('memory') / 1e9).toFixed(1)} GB memory`,
    `${(total('storage') / 1e9).toFixed(1)} GB disk`,
  ].join(', ')
  emit({
    event: 'assets',
    ms: performance.now() - start,
    assets,
    proofs: assets.length,
    detail: `${detail}: ${assets.length} assets, each with its four proofs`,
  })
}

// Of the nodes that are left: what a killed one counted went with it.
async function statusOf(
  members: readonly Member[],
): Promise<{ blocks: number; proofs: { made: number; verified: number }; remoteBytes: number }> {
  const alive = members.filter((member) => member.isAlive())
  const all = await Promise.all(alive.map((member) => member.call('status', null)))
  const sum = (of: (status: NodeStatus) => number): number =>
    all.reduce((total, one) => total + of(one), 0)
  return {
    blocks: Math.max(...all.map(({ height }) => height)),
    proofs: {
      made: sum(({ proofs }) => proofs.made),
      verified: sum(({ proofs }) => proofs.verified),
    },
    remoteBytes: sum(({ remoteBytes }) => remoteBytes),
  }
}

function memberAt(members: readonly Member[], index: number): Member {
  const member = members[index]
  if (!member) throw new NexusError('node-died', `no node ${index}`)
  return member
}
