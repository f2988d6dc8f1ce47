import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { concat } from '@hypermesh/crypto'
import { run } from '@hypermesh/host'
import type { Program } from '../job.ts'
import { RUNTIME_FOLDER } from '../sandbox/view.ts'
import type { Runtime } from './runtime.ts'
import { length32 } from './runtime.ts'

type Script = 'context' | 'isolate' | 'findings'

const SCRIPTS: Readonly<Record<Script, URL>> = {
  context: new URL('../harness/context.mts', import.meta.url),
  isolate: new URL('../harness/isolate.mts', import.meta.url),
  findings: new URL('../harness/findings.mts', import.meta.url),
}

// From source this file ends in .ts and the scripts in .mts; from dist in .js and .mjs.
const SUFFIX = extname(import.meta.url) === '.ts' ? '.mts' : '.mjs'

/** The folder on this host whose scripts run inside. */
export const HARNESS_FOLDER: string = dirname(fileURLToPath(SCRIPTS.context))

/** Of JavaScript, inside and outside: time is that of the mesh, not of the host's place. */
export const JAVASCRIPT_ENVIRONMENT: Readonly<Record<string, string>> = { TZ: 'UTC' }

/** The path of a script of ours, in that folder. */
export function harness(name: Script, folder: string): string {
  return join(folder, basename(fileURLToPath(SCRIPTS[name]), '.mts') + SUFFIX)
}

/** Memory of Node before a program runs. */
export interface Idle {
  /** Mapped to be written on. */
  readonly dataBytes: number
  /** Of that, what is really there. */
  readonly heldBytes: number
}

const INSIDE = { node: `${RUNTIME_FOLDER}/node`, harness: `${RUNTIME_FOLDER}/harness` }

/** One thread of V8 besides the main one: more would each take a stack from the program's memory. */
export const NODE_FLAGS: readonly string[] = ['--v8-pool-size=1']

/** The Node this process runs on, given a bare realm to run programs in. */
export async function openJavaScript(): Promise<Runtime> {
  const idle = await idleOf([...NODE_FLAGS, harness('context', HARNESS_FOLDER), 'idle'])
  return {
    language: 'javascript',
    name: `node ${process.versions.node}`,
    binds: [
      { source: process.execPath, target: INSIDE.node },
      { source: HARNESS_FOLDER, target: INSIDE.harness },
    ],
    environment: JAVASCRIPT_ENVIRONMENT,
    command: (memoryBytes) => [
      INSIDE.node,
      ...NODE_FLAGS,
      `--max-old-space-size=${heapMiB(memoryBytes, idle)}`,
      '--permission',
      `--allow-fs-read=${INSIDE.harness}`,
      // Of the harness's realm; the program's own has eval. An import() gives a promise of the harness's realm.
      '--disallow-code-generation-from-strings',
      harness('context', INSIDE.harness),
    ],
    memory: (memoryBytes) => dataLimit(memoryBytes, idle),
    stdin: javaScriptFrame,
  }
}

/** The command that looks around inside. */
export function findingsCommand(hostFile: string, port: number): readonly string[] {
  return [INSIDE.node, ...NODE_FLAGS, harness('findings', INSIDE.harness), hostFile, String(port)]
}

export function javaScriptFrame({ source }: Program, input: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(source)
  return concat(length32(text.length), length32(input.length), text, input)
}

// V8 maps half a GiB for code it may never write, and every thread a stack: RLIMIT_DATA counts both. So the limit is
// what is asked, with what an idle Node has mapped in place of what it holds.
export function dataLimit(
  memoryBytes: number,
  idle: Idle | undefined,
): { readonly kind: 'data'; readonly bytes: number } | undefined {
  if (idle === undefined) return undefined
  return { kind: 'data', bytes: memoryBytes - idle.heldBytes + idle.dataBytes }
}

// Where nothing can be measured: what an idle Node holds on x86-64, rounded up.
const IDLE_BYTES = 32 * 2 ** 20
const HEAP_MIB_MIN = 8

export function heapMiB(memoryBytes: number, idle: Idle | undefined): number {
  const left = memoryBytes - (idle?.heldBytes ?? IDLE_BYTES)
  return Math.max(HEAP_MIB_MIN, Math.floor(left / 2 ** 20))
}

/** Starts a harness on the host, with no program, and asks what it holds; undefined without proc(5). */
export async function idleOf(args: readonly string[]): Promise<Idle | undefined> {
  const finished = await run({
    argv: [process.execPath, ...args],
    env: JAVASCRIPT_ENVIRONMENT,
    cwd: '/',
    outputMax: 1024,
    errorMax: 65_536,
    timeoutMs: 10_000,
  })
  try {
    const idle: Idle = JSON.parse(new TextDecoder().decode(finished.stdout))
    return Number.isSafeInteger(idle.dataBytes) && Number.isSafeInteger(idle.heldBytes)
      ? idle
      : undefined
  } catch {
    return undefined
  }
}
