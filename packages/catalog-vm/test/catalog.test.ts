import type { Catalog, CatalogOptions, Isolation, Job, Stage } from '@hypermesh/catalog-vm'
import { JOBS_MAX, openCatalog, programHash, verifyReceipt } from '@hypermesh/catalog-vm'
import {
  simulatedClock,
  simulatedLeases,
  simulatedMounts,
  simulatedProof,
  simulatedProofs,
  simulatedReceipts,
} from '@hypermesh/catalog-vm/testing'
import { equal, generateSigningKey, sha256 } from '@hypermesh/crypto'
import { findProgram } from '@hypermesh/host'
import { describe, expect, test } from 'vitest'

const executor = generateSigningKey('ed25519')
const lease = new Uint8Array(32).fill(1)
const input = new TextEncoder().encode('some input')
const program = {
  language: 'javascript',
  source: 'function main(input) { return input.toReversed() }',
} as const

const LIMITS = { wallMs: 20_000, memoryBytes: 2 ** 27, outputMax: 2 ** 16 }

function ports() {
  const leases = simulatedLeases()
  leases.grant(lease, { memoryBytes: 2 ** 28, cpuCores: 1, until: 60_000n })
  const mounts = simulatedMounts()
  const clock = simulatedClock(1_000n)
  const proofs = simulatedProofs()
  const receipts = simulatedReceipts()
  return { executor, leases, mounts, clock, proofs, receipts, reference: mounts.put(input) }
}

type Ports = Pick<CatalogOptions, 'leases' | 'mounts' | 'proofs' | 'receipts'>

const ALL: readonly Isolation[] = ['kernel', 'namespace', 'isolate']

// Opened once: that takes longer than most of these tests. Its ports are those of the test that runs.
let current: CatalogOptions = ports()
const everything = await openCatalog({
  executor,
  leases: { enter: (id) => current.leases.enter(id) },
  mounts: { read: (reference, sizeMax) => current.mounts.read(reference, sizeMax) },
  proofs: { verify: (proof, subject) => current.proofs.verify(proof, subject) },
  receipts: { record: (receipt) => current.receipts.record(receipt) },
  clock: { now: () => current.clock.now() },
})
const best = everything.engines.find(({ isAvailable }) => isAvailable)?.isolation
const none = best === undefined ? 'no engine works on this host' : ''
if (none !== '') process.stdout.write(`skipped: ${none}\n`)

function held(changes: Partial<Ports> = {}) {
  const made = ports()
  current = { ...made, ...changes }
  return { ...made, ...jobOn(everything, made.reference) }
}

async function opened(changes: Partial<CatalogOptions>) {
  const made = ports()
  return jobOn(await openCatalog({ ...made, ...changes }), made.reference)
}

function jobOn(catalog: Catalog, reference: Uint8Array) {
  const job: Job = {
    id: new Uint8Array([1]),
    program,
    input: reference,
    inputMax: 1024,
    lease,
    limits: LIMITS,
    isolation: 'isolate',
  }
  const code = async (changed: Partial<Job> = {}): Promise<string> => {
    const finished = await catalog.run({ ...job, ...changed })
    return finished.ok ? 'ok' : finished.refusal.code
  }
  return { catalog, job, code }
}

describe.skipIf(none)('a job', () => {
  test('yields its output, a receipt that says all of it, and the proof of that', async () => {
    const { catalog, job, receipts } = held()
    const stages: Stage[] = []
    const finished = await catalog.run(job, { onProgress: (stage) => stages.push(stage) })
    if (!finished.ok) throw new Error(finished.refusal.reason)
    expect(new TextDecoder().decode(finished.output)).toBe('tupni emos')
    expect(stages).toEqual(['lease', 'proof', 'input', 'running', 'receipt'])
    expect(receipts.recorded).toEqual([finished.receipt])
    expect(finished.proof).toHaveLength(32)
    const verified = verifyReceipt(finished.receipt)
    if (!verified.ok) throw new Error(verified.refusal.reason)
    expect(verified.receipt).toMatchObject({
      job: job.id,
      program: programHash(program),
      input: sha256(input),
      output: sha256(finished.output),
      executor: executor.publicKey,
      isolation: best,
      engine: expect.stringContaining(`node ${process.versions.node}`),
      startedAt: 1_000n,
      lease,
    })
    expect(verified.receipt.usage.wallMs).toBeGreaterThan(0)
  })

  test('repeated by an auditor gives the same output', async () => {
    const { catalog } = held()
    const executed = await catalog.execute(program, input, LIMITS, 'isolate')
    expect(executed.ok && new TextDecoder().decode(executed.output)).toBe('tupni emos')
  })

  test('does not start without a lease', async () => {
    const { code } = held()
    expect(await code({ lease: new Uint8Array(32) })).toBe('lease-refused')
  })

  test('does not start, nor is its input read, without a proof for its very lease', async () => {
    let reads = 0
    const mounts = { read: async () => ((reads += 1), { ok: true as const, bytes: input }) }
    const { code, leases } = held({ mounts })
    const limits = { memoryBytes: 2 ** 28, cpuCores: 1, until: 60_000n }
    const other = new Uint8Array(32).fill(2)
    leases.grant(other, limits, simulatedProof(lease))
    expect(await code({ lease: other })).toBe('proof-refused')
    expect(reads).toBe(0)
    leases.grant(other, limits, simulatedProof(other))
    expect(await code({ lease: other })).not.toBe('proof-refused')
    expect(reads).toBe(1)
  })

  test('asks the verifier about the lease and nothing else', async () => {
    const subjects: Uint8Array[] = []
    const proofs = {
      verify: async (_: Uint8Array, subject: Uint8Array) => {
        subjects.push(subject)
        return { ok: true as const }
      },
    }
    const { code } = held({ proofs })
    await code()
    expect(subjects).toHaveLength(1)
    expect(equal(subjects[0]!, lease)).toBe(true)
  })

  test('has no result when its receipt is not ordered', async () => {
    const receipts = { record: async () => ({ ok: false as const, reason: 'no quorum' }) }
    const { code } = held({ receipts })
    expect(await code()).toBe('receipt-refused')
  })

  test('is refused an input that is missing or too large, whatever the mount gives', async () => {
    const { code } = held()
    expect(await code({ input: new Uint8Array(4) })).toBe('input-unavailable')
    expect(await code({ inputMax: input.length - 1 })).toBe('input-unavailable')
    const mounts = { read: async () => ({ ok: true as const, bytes: input }) }
    const careless = held({ mounts })
    expect(await careless.code({ inputMax: input.length - 1 })).toBe('input-too-large')
  })

  test('ends with its lease', async () => {
    const { code, clock } = held()
    clock.advance(58_500n)
    const endless = { ...program, source: 'function main() { for (;;); }' }
    const started = performance.now()
    expect(await code({ program: endless })).toBe('wall-time')
    expect(performance.now() - started).toBeLessThan(5_000)
    clock.advance(500n)
    expect(await code()).toBe('lease-ended')
  })

  test('fits in what its lease has left', async () => {
    const { code, catalog, job } = held()
    const limits = { ...LIMITS, memoryBytes: 2 ** 27 + 1 }
    expect(await code({ limits: { ...LIMITS, memoryBytes: 2 ** 28 + 1 } })).toBe('lease-too-small')
    const [first, second] = await Promise.all([
      catalog.run({ ...job, limits }),
      catalog.run({ ...job, limits }),
    ])
    expect([first.ok, second.ok].filter((ok) => ok)).toHaveLength(1)
    expect(await code({ limits })).toBe('ok')
  })

  test('can be given up', async () => {
    const { catalog, job } = held()
    const endless = { ...program, source: 'function main() { for (;;); }' }
    const signal = AbortSignal.timeout(200)
    const finished = await catalog.run({ ...job, program: endless }, { signal })
    expect(finished.ok ? 'ok' : finished.refusal.code).toBe('aborted')
    const never = await catalog.run(job, { signal })
    expect(never.ok ? 'ok' : never.refusal.code).toBe('aborted')
  })

  test('is turned away when too many are running', async () => {
    const { promise, resolve } = Promise.withResolvers<{ ok: false; reason: string }>()
    const { code } = held({ leases: { enter: () => promise } })
    const waiting = Array.from({ length: JOBS_MAX }, () => code())
    expect(await code()).toBe('busy')
    resolve({ ok: false, reason: 'not now' })
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['lease-refused']))
    expect(await code()).toBe('lease-refused')
  })
})

test.each<{ name: string; changes: object }>([
  { name: 'an empty id', changes: { id: new Uint8Array(0) } },
  { name: 'an id of 65 bytes', changes: { id: new Uint8Array(65) } },
  { name: 'an id that is text', changes: { id: 'job' } },
  { name: 'a lease of 65 bytes', changes: { lease: new Uint8Array(65) } },
  { name: 'a reference of more than 64 KiB', changes: { input: new Uint8Array(2 ** 16 + 1) } },
  { name: 'a negative inputMax', changes: { inputMax: -1 } },
  { name: 'an inputMax of more than 256 MiB', changes: { inputMax: 2 ** 28 + 1 } },
  { name: 'no isolation', changes: { isolation: 'none' } },
  { name: 'a language of its own', changes: { program: { language: 'perl', source: '' } } },
  { name: 'a source that is not text', changes: { program: { ...program, source: 1 } } },
  { name: 'half a character', changes: { program: { ...program, source: '\ud800' } } },
  {
    name: 'a source of more than 1 MiB',
    changes: { program: { ...program, source: 'é'.repeat(2 ** 19 + 1) } },
  },
  { name: 'no program', changes: { program: undefined } },
  { name: 'no limits', changes: { limits: null } },
  { name: 'no time', changes: { limits: { ...LIMITS, wallMs: 0 } } },
  { name: 'two days', changes: { limits: { ...LIMITS, wallMs: 172_800_000 } } },
  { name: 'half a millisecond', changes: { limits: { ...LIMITS, wallMs: 0.5 } } },
  { name: 'too little memory', changes: { limits: { ...LIMITS, memoryBytes: 2 ** 26 - 1 } } },
  { name: 'an outputMax of NaN', changes: { limits: { ...LIMITS, outputMax: Number.NaN } } },
])('a job with $name is refused before its lease is asked for', async ({ changes }) => {
  let entered = 0
  const leases = { enter: async () => ((entered += 1), { ok: false as const, reason: '' }) }
  const { code } = held({ leases })
  expect(await code(changes as Partial<Job>)).toBe('bad-job')
  expect(entered).toBe(0)
})

describe('isolation', () => {
  test('is as strong as the host offers, and never weaker than asked', async () => {
    for (const { isolation } of everything.engines) {
      const executed = await everything.execute(program, input, LIMITS, isolation)
      const strongest = best
      const isEnough = strongest !== undefined && ALL.indexOf(strongest) <= ALL.indexOf(isolation)
      expect(executed.ok ? executed.isolation : executed.refusal.code).toBe(
        isEnough ? strongest : 'isolation-unavailable',
      )
    }
  })

  test('that is not to be had is refused with the reason', async () => {
    const { catalog } = await opened({ levels: ['isolate'] })
    const executed = await catalog.execute(program, input, LIMITS, 'kernel')
    expect(executed).toMatchObject({ ok: false, refusal: { code: 'isolation-unavailable' } })
  })

  test('that the host does not go below holds for every job', async () => {
    const { code } = await opened({ levels: ['isolate'], weakestOffered: 'namespace' })
    expect(await code({ isolation: 'isolate' })).toBe('isolation-unavailable')
  })

  test('of Python is never a V8 isolate', async () => {
    const { catalog } = await opened({ levels: ['isolate'] })
    const python = { language: 'python', source: 'print(1)' } as const
    const executed = await catalog.execute(python, input, LIMITS, 'isolate')
    expect(executed.ok).toBe(false)
  })
})

test('a language that is not installed is refused with what to install', async () => {
  const { catalog } = await opened({ levels: ['kernel'], pythons: ['no-such-python'] })
  const python = { language: 'python', source: 'print(1)' } as const
  const executed = await catalog.execute(python, input, LIMITS, 'isolate')
  expect(executed).toMatchObject({
    ok: false,
    refusal: {
      code: 'language-unavailable',
      reason: expect.stringContaining('no-such-python'),
      remedy: expect.stringContaining('install'),
    },
  })
})

const elsewhere = findProgram('python3')
const noOther = elsewhere === undefined || elsewhere.startsWith('/usr/') || best !== 'kernel'
if (noOther) process.stdout.write('skipped: no second Python on PATH, or no bubblewrap\n')

test.skipIf(noOther)('a Python outside /usr is bound where it lives', async () => {
  const { catalog } = await opened({ levels: ['kernel'], pythons: ['python3'] })
  const python = { language: 'python', source: 'import json, sys; print(sys.prefix)' } as const
  const executed = await catalog.execute(python, input, LIMITS, 'kernel')
  expect(executed.ok && new TextDecoder().decode(executed.output)).not.toMatch(/^\/usr\n/)
  expect(executed.ok).toBe(true)
})

test('a key that cannot sign receipts opens no catalog', async () => {
  const wrong = { ...ports(), executor: generateSigningKey('ml-dsa-65') }
  await expect(openCatalog(wrong)).rejects.toMatchObject({ code: 'wrong-key' })
})
