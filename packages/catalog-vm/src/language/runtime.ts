import type { Bind } from '../sandbox/view.ts'
import type { Language, Program } from '../job.ts'

/** The limit of setrlimit(2) that holds an interpreter to its memory. */
export interface MemoryLimit {
  /** `as`: every address it maps. `data`: what it can write to, which leaves out V8's reservations. */
  readonly kind: 'as' | 'data'
  readonly bytes: number
}

/** One interpreter of this host, and how it is started inside a sandbox. */
export interface Runtime {
  readonly language: Language
  /** Name and version: `node 24.21.0`. */
  readonly name: string
  readonly binds: readonly Bind[]
  /** Everything the program finds in its environment. */
  readonly environment: Readonly<Record<string, string>>
  command(memoryBytes: number): readonly string[]
  /** Undefined when this host did not let us measure what the interpreter itself needs. */
  memory(memoryBytes: number): MemoryLimit | undefined
  stdin(program: Program, input: Uint8Array): Uint8Array
}

/** Exit statuses by which our side of an interpreter tells what became of the program. */
export const EXIT_MEMORY = 71
export const EXIT_TIME = 72

/** Unsigned, 32 bits, big-endian. */
export function length32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
