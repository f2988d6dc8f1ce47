import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { findProgram } from '@hypermesh/host'
import {
  dataLimit,
  HARNESS_FOLDER,
  harness,
  heapMiB,
  idleOf,
  JAVASCRIPT_ENVIRONMENT,
  javaScriptFrame,
  NODE_FLAGS,
} from '../language/javascript.ts'
import type { Idle } from '../language/javascript.ts'
import { refuse } from '../refusal.ts'
import type { CgroupRights } from '../sandbox/group.ts'
import { lifeline, prlimit } from '../sandbox/rlimits.ts'
import type { Engine, EngineReport, Task } from './engine.ts'
import { NOTHING_ENFORCED } from './engine.ts'
import { launch } from './launch.ts'
import type { Confinement } from './probe.ts'

// What a process of Node has and a program must not find.
const FOREIGN = `process require module fetch console setTimeout WebAssembly SharedArrayBuffer XMLHttpRequest WebSocket`

const LOOK_AROUND = `function main() {
  const names = ${JSON.stringify(FOREIGN.split(' '))}
  return JSON.stringify(names.filter((name) => name in globalThis))
}`

const PROBE_LIMITS = {
  wallMs: 10_000,
  memoryBytes: 2 ** 27,
  outputMax: 4096,
  cpuCores: 1,
} as const

/** JavaScript in a V8 isolate with nothing of the host in it, in a process with no files, no children, no environment. */
export async function openIsolate(rights: CgroupRights): Promise<Engine> {
  const native = findNative()
  if (native === undefined) {
    return closed('isolated-vm is not installed or has no build for this Node', [])
  }
  const flags = [
    ...NODE_FLAGS,
    // isolated-vm makes its isolates without the snapshot of Node's own.
    '--no-node-snapshot',
    '--permission',
    '--allow-addons',
    '--disable-warning=SecurityWarning',
    `--allow-fs-read=${HARNESS_FOLDER}`,
    `--allow-fs-read=${native}`,
  ]
  const script = harness('isolate', HARNESS_FOLDER)
  const idle = await idleOf([...flags, '--allow-fs-read=/proc/', script, 'idle', native, '64'])
  const limiter = findProgram('prlimit')
  const setpriv = findProgram('setpriv')
  const execute = (task: Task) => {
    const { memoryBytes, wallMs, cpuCores } = task.limits
    const memory = dataLimit(memoryBytes, idle)
    const heap = String(heapMiB(memoryBytes, idle))
    const limits = limiter === undefined ? [] : prlimit(limiter, { memory, wallMs, cpuCores })
    const node = [...flags, script, 'run', native, heap, String(wallMs)]
    const line = setpriv === undefined ? [] : lifeline(setpriv)
    const [program = process.execPath, ...args] = [...line, ...limits, process.execPath, ...node]
    const stdin = javaScriptFrame(task.program, task.input)
    return launch({ argv: [program, ...args], env: JAVASCRIPT_ENVIRONMENT, stdin, rights }, task)
  }
  const { failure, holes } = await probe(execute)
  if (failure !== undefined || holes.length > 0) return closed(failure ?? holes.join('; '), holes)
  return { report: report(rights, isHeld(rights, limiter, idle)), execute }
}

async function probe(execute: Engine['execute']): Promise<Confinement> {
  const program = { language: 'javascript', source: LOOK_AROUND } as const
  const execution = await execute({ program, input: new Uint8Array(0), limits: PROBE_LIMITS })
  if (!execution.ok) {
    const { reason, stderr = '' } = execution.refusal
    return { failure: `the isolate did not start: ${reason} ${stderr}`.trim(), holes: [] }
  }
  const found = new TextDecoder().decode(execution.output)
  return { holes: found === '[]' ? [] : [`the isolate shows ${found}`] }
}

// The native module itself, so that the confined process needs to read no folder to find it.
function findNative(): string | undefined {
  try {
    const own = createRequire(import.meta.url)
    const entry = own.resolve('isolated-vm')
    const builds: { path(folder: string): string } = createRequire(entry)('node-gyp-build')
    return builds.path(dirname(entry))
  } catch {
    return undefined
  }
}

function isHeld(
  rights: CgroupRights,
  limiter: string | undefined,
  idle: Idle | undefined,
): boolean {
  return rights.memory || (limiter !== undefined && idle !== undefined)
}

function closed(reason: string, holes: readonly string[]): Engine {
  return {
    report: {
      isolation: 'isolate',
      engine: 'isolated-vm',
      isAvailable: false,
      runtimes: {},
      enforced: NOTHING_ENFORCED,
      reasons: [reason],
      holes,
      remedy: 'install isolated-vm, an optional dependency of this package',
    },
    execute: async () => refuse('isolation-unavailable', reason),
  }
}

function report(rights: CgroupRights, isHeld: boolean): EngineReport {
  return {
    isolation: 'isolate',
    engine: 'isolated-vm',
    isAvailable: true,
    runtimes: { javascript: `node ${process.versions.node}` },
    enforced: {
      files: 'process',
      network: 'process',
      environment: 'process',
      processes: 'process',
      systemCalls: 'none',
      memory: isHeld ? 'kernel' : 'process',
      cpu: rights.cpu ? 'kernel' : 'none',
      wallTime: 'process',
      output: 'process',
    },
    reasons: [],
    holes: [],
  }
}
