import type { Codec } from '@hypermesh/crypto'
import { CryptoError, field, record, sha256 } from '@hypermesh/crypto'
import { CatalogError } from './errors.ts'
import type { Isolation } from './isolation.ts'
import { isIsolation } from './isolation.ts'

export type Language = 'javascript' | 'python'

/**
 * What runs.
 *
 * JavaScript: a script that declares `function main(input: Uint8Array): Uint8Array | string`; it has the language and
 * nothing else: no `process`, `require`, `fetch`, `console`, timers or WebAssembly, on any engine. Python: reads its
 * input from standard input and writes its output to standard output. Either is one process, which may have threads.
 */
export interface Program {
  readonly language: Language
  readonly source: string
}

/** What a program may use. */
export interface Limits {
  /** Milliseconds from start to end, at most {@link WALL_MS_MAX}. */
  readonly wallMs: number
  /** Everything the program's process holds, its interpreter included; at least {@link MEMORY_BYTES_MIN}. */
  readonly memoryBytes: number
  /** Bytes of output, at most {@link TRANSFER_SIZE_MAX}. */
  readonly outputMax: number
}

export interface Job {
  readonly id: Uint8Array
  readonly program: Program
  /** A reference that `Mounts` understands. */
  readonly input: Uint8Array
  /** Bytes of input the job takes, at most {@link TRANSFER_SIZE_MAX}. */
  readonly inputMax: number
  readonly lease: Uint8Array
  readonly limits: Limits
  /** The weakest isolation the job accepts. */
  readonly isolation: Isolation
}

/** Longest job or lease id, in bytes. */
export const ID_SIZE_MAX = 64
/** Longest source, in bytes of UTF-8. */
export const SOURCE_SIZE_MAX: number = 2 ** 20
/** Longest reference to an input, in bytes: a capability chain and a pointer fit many times. */
export const REFERENCE_SIZE_MAX: number = 2 ** 16
/** Most bytes of input or output: they are held in memory here while the job runs. */
export const TRANSFER_SIZE_MAX: number = 2 ** 28
/** A day: longer work belongs in several jobs, each with its receipt. */
export const WALL_MS_MAX = 86_400_000
/** An idle Node holds some 25 MiB; with less than this no program would do anything. */
export const MEMORY_BYTES_MIN: number = 2 ** 26
export const MEMORY_BYTES_MAX: number = 2 ** 42

interface ProgramRecord {
  readonly language: string
  readonly source: string
}

const programCodec: Codec<ProgramRecord> = record('catalog-vm/program', 1, SOURCE_SIZE_MAX + 128, {
  language: field.text({ max: 16 }),
  source: field.text({ max: SOURCE_SIZE_MAX }),
})

/**
 * What a receipt calls the program: SHA-256 of its canonical record, 32 bytes.
 *
 * @throws {CatalogError} `bad-program` when the source is too long or is not well-formed text.
 */
export function programHash({ language, source }: Program): Uint8Array {
  try {
    return sha256(programCodec.encode({ language, source }))
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error
    throw new CatalogError('bad-program', error.message, { cause: error })
  }
}

/** What is wrong with a job's shape; undefined when nothing is. Jobs come from peers: nothing is taken for granted. */
export function flaw(job: Job): string | undefined {
  if (!isObject(job)) return 'there is no job'
  if (!isBytes(job.id, ID_SIZE_MAX) || job.id.length === 0) return 'id is not 1 to 64 bytes'
  if (!isBytes(job.lease, ID_SIZE_MAX)) return 'lease is not at most 64 bytes'
  if (!isBytes(job.input, REFERENCE_SIZE_MAX)) return 'input is not a reference of at most 64 KiB'
  if (!isWhole(job.inputMax, 0, TRANSFER_SIZE_MAX)) return `inputMax is ${job.inputMax}`
  if (!isIsolation(job.isolation)) return `isolation is ${String(job.isolation)}`
  return flawOfProgram(job.program) ?? flawOfLimits(job.limits)
}

export function flawOfProgram(program: Program): string | undefined {
  if (!isObject(program)) return 'there is no program'
  const { language, source } = program
  if (language !== 'javascript' && language !== 'python') return `language is ${String(language)}`
  if (typeof source !== 'string' || !source.isWellFormed()) return 'source is not well-formed text'
  // Counted before it is encoded; UTF-8 has at most three bytes per UTF-16 unit.
  const size = source.length * 3 > SOURCE_SIZE_MAX ? new TextEncoder().encode(source).length : 0
  return size > SOURCE_SIZE_MAX ? `source is ${size} bytes long` : undefined
}

export function flawOfLimits(limits: Limits): string | undefined {
  if (!isObject(limits)) return 'there are no limits'
  const { wallMs, memoryBytes, outputMax } = limits
  if (!isWhole(wallMs, 1, WALL_MS_MAX)) return `wallMs is ${wallMs}`
  if (!isWhole(memoryBytes, MEMORY_BYTES_MIN, MEMORY_BYTES_MAX)) {
    return `memoryBytes is ${memoryBytes}; at least ${MEMORY_BYTES_MIN} are needed`
  }
  return isWhole(outputMax, 0, TRANSFER_SIZE_MAX) ? undefined : `outputMax is ${outputMax}`
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null
}

function isBytes(value: unknown, sizeMax: number): boolean {
  return value instanceof Uint8Array && value.length <= sizeMax
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max
}
