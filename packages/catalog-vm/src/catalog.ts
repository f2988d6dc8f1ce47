import type { SigningKey } from '@hypermesh/crypto'
import { sha256, toHex } from '@hypermesh/crypto'
import type { EngineReport } from './engine/engine.ts'
import type { Engines } from './engines.ts'
import { choose, openEngines } from './engines.ts'
import { CatalogError } from './errors.ts'
import type { Isolation } from './isolation.ts'
import { isIsolation, ISOLATIONS, stronger } from './isolation.ts'
import type { Job, Limits, Program } from './job.ts'
import { flaw, flawOfLimits, flawOfProgram, programHash } from './job.ts'
import { PYTHONS } from './language/python.ts'
import type { Clock, LeaseLimits, Leases, Mounts, ProofVerifier, Receipts } from './ports.ts'
import type { Usage } from './receipt.ts'
import { ENGINE_NAME_MAX, signReceipt } from './receipt.ts'
import type { Refused } from './refusal.ts'
import { refuse } from './refusal.ts'

/** Jobs one catalog runs at a time; each holds its input and output in memory here. */
export const JOBS_MAX = 64

export interface CatalogOptions {
  /** Ed25519: signs the receipts. */
  readonly executor: SigningKey
  readonly leases: Leases
  readonly mounts: Mounts
  readonly proofs: ProofVerifier
  readonly receipts: Receipts
  readonly clock: Clock
  /** The weakest isolation this host gives anyone, whatever a job accepts. Default: `isolate`. */
  readonly weakestOffered?: Isolation
  /** The levels to open at all; a level left out is not even probed. Default: all. */
  readonly levels?: readonly Isolation[]
  /** Where to look for Python: paths, or names on PATH. Default: `/usr/bin/python3`, `python3`. */
  readonly pythons?: readonly string[]
}

/** Where a job is. */
export type Stage = 'lease' | 'proof' | 'input' | 'running' | 'receipt'

export interface RunOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (stage: Stage) => void
}

export type Finished =
  | {
      readonly ok: true
      readonly output: Uint8Array
      /** Signed by the executor; `verifyReceipt` reads it. */
      readonly receipt: Uint8Array
      /** What `Receipts` gave for it. */
      readonly proof: Uint8Array
    }
  | Refused

export type Executed =
  | {
      readonly ok: true
      readonly output: Uint8Array
      readonly usage: Usage
      readonly isolation: Isolation
      readonly engine: string
    }
  | Refused

export interface Catalog {
  /** Strongest first; those that do not work here say why. */
  readonly engines: readonly EngineReport[]
  /** Runs a job under its lease and orders its receipt. Only a broken port throws. */
  run(job: Job, options?: RunOptions): Promise<Finished>
  /** Runs a program with no lease and no receipt: how an auditor repeats what a receipt says. */
  execute(
    program: Program,
    input: Uint8Array,
    limits: Limits & { readonly cpuCores?: number },
    isolation: Isolation,
    options?: { readonly signal?: AbortSignal },
  ): Promise<Executed>
}

/**
 * Finds out what this host can confine, by trying it, and opens a catalog on that.
 *
 * @throws {CatalogError} `wrong-key` when the executor's key is not Ed25519.
 */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  if (options.executor.scheme !== 'ed25519') {
    throw new CatalogError(
      'wrong-key',
      `an executor signs with ed25519, not ${options.executor.scheme}`,
    )
  }
  const offered = options.weakestOffered ?? 'isolate'
  const engines = await openEngines(options.levels ?? ISOLATIONS, options.pythons ?? PYTHONS)
  const execute: Catalog['execute'] = async (program, input, limits, isolation, more = {}) => {
    const wrong = flawOfProgram(program) ?? flawOfLimits(limits)
    if (wrong !== undefined) return refuse('bad-job', wrong)
    if (!isIsolation(isolation)) return refuse('bad-job', `isolation is ${String(isolation)}`)
    return executeOn(engines, stronger(isolation, offered), program, input, limits, more.signal)
  }
  const promised = new Map<string, number>()
  let jobs = 0
  return {
    engines: engines.all.map(({ report }) => report),
    execute,
    run: async (job, runOptions = {}) => {
      const wrong = flaw(job)
      if (wrong !== undefined) return refuse('bad-job', wrong)
      if (jobs >= JOBS_MAX) return refuse('busy', `${JOBS_MAX} jobs are running already`)
      jobs += 1
      try {
        return await runUnderLease(options, execute, promised, job, runOptions)
      } finally {
        jobs -= 1
      }
    },
  }
}

async function executeOn(
  engines: Engines,
  least: Isolation,
  program: Program,
  input: Uint8Array,
  limits: Limits & { readonly cpuCores?: number },
  signal: AbortSignal | undefined,
): Promise<Executed> {
  const choice = choose(engines, program.language, least)
  if (!choice.ok) return choice
  const { report } = choice.engine
  const execution = await choice.engine.execute({
    program,
    input,
    limits: { ...limits, cpuCores: limits.cpuCores ?? 1 },
    ...(signal === undefined ? {} : { signal }),
  })
  if (!execution.ok) return execution
  const engine = `${report.engine} ${report.runtimes[program.language] ?? ''}`.trim()
  return { ...execution, isolation: report.isolation, engine: engine.slice(0, ENGINE_NAME_MAX) }
}

// A lease may carry several jobs at once, as long as its memory holds them all.
async function runUnderLease(
  options: CatalogOptions,
  execute: Catalog['execute'],
  promised: Map<string, number>,
  job: Job,
  runOptions: RunOptions,
): Promise<Finished> {
  runOptions.onProgress?.('lease')
  const lease = await options.leases.enter(job.lease)
  if (!lease.ok) return refuse('lease-refused', lease.reason)
  runOptions.onProgress?.('proof')
  const proof = await options.proofs.verify(lease.proof, job.lease)
  if (!proof.ok) return refuse('proof-refused', proof.reason)
  const key = toHex(job.lease)
  const taken = promised.get(key) ?? 0
  const { memoryBytes } = job.limits
  if (taken + memoryBytes > lease.limits.memoryBytes) {
    const left = lease.limits.memoryBytes - taken
    return refuse(
      'lease-too-small',
      `the job needs ${memoryBytes} bytes, the lease has ${left} left`,
    )
  }
  promised.set(key, taken + memoryBytes)
  try {
    return await runWithin(options, execute, lease.limits, job, runOptions)
  } finally {
    const rest = (promised.get(key) ?? 0) - memoryBytes
    if (rest > 0) promised.set(key, rest)
    else promised.delete(key)
  }
}

async function runWithin(
  { executor, mounts, receipts, clock }: CatalogOptions,
  execute: Catalog['execute'],
  lease: LeaseLimits,
  job: Job,
  { signal, onProgress }: RunOptions,
): Promise<Finished> {
  onProgress?.('input')
  const input = await mounts.read(job.input, job.inputMax)
  if (!input.ok) return refuse('input-unavailable', input.reason)
  if (input.bytes.length > job.inputMax) {
    return refuse('input-too-large', `${input.bytes.length} bytes of at most ${job.inputMax}`)
  }
  const startedAt = clock.now()
  const left = lease.until - startedAt
  if (left <= 0n) return refuse('lease-ended', `the lease ended at ${lease.until}`)
  onProgress?.('running')
  const wallMs = left < BigInt(job.limits.wallMs) ? Number(left) : job.limits.wallMs
  const limits = { ...job.limits, wallMs, cpuCores: lease.cpuCores }
  const executed = await execute(
    job.program,
    input.bytes,
    limits,
    job.isolation,
    signal === undefined ? {} : { signal },
  )
  if (!executed.ok) return executed
  onProgress?.('receipt')
  const receipt = signReceipt(executor, {
    job: job.id,
    program: programHash(job.program),
    input: sha256(input.bytes),
    output: sha256(executed.output),
    isolation: executed.isolation,
    engine: executed.engine,
    usage: executed.usage,
    startedAt,
    endedAt: clock.now(),
    lease: job.lease,
  })
  const recorded = await receipts.record(receipt)
  if (!recorded.ok) return refuse('receipt-refused', recorded.reason)
  return { ok: true, output: executed.output, receipt, proof: recorded.proof }
}
