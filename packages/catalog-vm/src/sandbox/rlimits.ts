import type { MemoryLimit } from '../language/runtime.ts'
import { SCRATCH_BYTES } from './view.ts'

const STACK_BYTES: number = 2 ** 23
const FILES_MAX = 256

/** Tasks (processes and threads) of a job: Node alone has about ten. */
export const TASKS_MAX = 64

export interface ProcessLimits {
  readonly memory: MemoryLimit | undefined
  readonly wallMs: number
  readonly cpuCores: number
  readonly tasks?: number
}

/**
 * The start of an argument vector: what follows ends when this process does, even by SIGKILL. A sandbox would otherwise
 * go on without anybody to count its time.
 */
export function lifeline(setpriv: string): readonly [string, ...string[]] {
  return [setpriv, '--pdeathsig', 'KILL', '--']
}

/** The start of an argument vector: prlimit(1) with what setrlimit(2) can hold a process to, soft and hard. */
export function prlimit(program: string, limits: ProcessLimits): readonly string[] {
  const { memory, tasks } = limits
  const cpuSeconds = Math.ceil((limits.wallMs / 1000) * limits.cpuCores) + 1
  return [
    program,
    ...(memory === undefined ? [] : [`--${memory.kind}=${memory.bytes}`]),
    // At the soft limit SIGXCPU, which names the cause; a second later SIGKILL.
    `--cpu=${cpuSeconds}:${cpuSeconds + 1}`,
    `--fsize=${SCRATCH_BYTES}`,
    `--nofile=${FILES_MAX}`,
    `--stack=${STACK_BYTES}`,
    '--core=0',
    ...(tasks === undefined ? [] : [`--nproc=${tasks}`]),
  ]
}
