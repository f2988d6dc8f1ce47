import type { Cgroup, Finished } from '@hypermesh/host'
import { HostError, run } from '@hypermesh/host'
import { EXIT_MEMORY, EXIT_TIME } from '../language/runtime.ts'
import { refuse } from '../refusal.ts'
import type { Refused } from '../refusal.ts'
import type { CgroupRights } from '../sandbox/group.ts'
import { jobGroup } from '../sandbox/group.ts'
import type { Execution, Task } from './engine.ts'

/** Bytes a program may write to standard error; it is held in memory here. */
export const ERROR_OUTPUT_MAX: number = 2 ** 20

/** Bytes of the end of standard error that a refusal carries. */
export const STDERR_TAIL_MAX = 2048

export interface Launch {
  readonly argv: readonly [string, ...string[]]
  readonly env: Readonly<Record<string, string>>
  readonly stdin: Uint8Array
  readonly rights: CgroupRights
}

/** Starts a sandbox, in a control group where that is allowed, and says how it ended. Nothing of it is left. */
export async function launch(launch: Launch, task: Task): Promise<Execution> {
  let cgroup: Cgroup | undefined
  try {
    cgroup = jobGroup(task.limits, launch.rights)
    const finished = await run({
      argv: launch.argv,
      env: launch.env,
      cwd: '/',
      stdin: launch.stdin,
      outputMax: task.limits.outputMax,
      errorMax: ERROR_OUTPUT_MAX,
      timeoutMs: task.limits.wallMs,
      ...(task.signal === undefined ? {} : { signal: task.signal }),
      ...(cgroup === undefined ? {} : { cgroup }),
    })
    const used = cgroup?.usage()
    const refused = judge(finished, task, used?.oomKills ?? 0)
    if (refused !== undefined) return refused
    const usage = {
      wallMs: Math.ceil(finished.wallMs),
      ...(used === undefined ? {} : { cpuMs: Math.ceil(used.cpuMs) }),
      ...(used?.memoryPeakBytes === undefined ? {} : { memoryPeakBytes: used.memoryPeakBytes }),
    }
    return { ok: true, output: finished.stdout, usage }
  } catch (error) {
    if (!(error instanceof HostError)) throw error
    return refuse('sandbox-failed', error.message)
  } finally {
    await cgroup?.remove()
  }
}

// A shell and the sandboxing programs report a death by signal n as the exit status 128 + n.
const SIGABRT = 134
const SIGXCPU = 152

const OUT_OF_MEMORY = /out[ -]of[ -]memory|allocation failed|bad_alloc/i

function judge(finished: Finished, task: Task, oomKills: number): Refused | undefined {
  const { ended, signal } = finished
  const { limits } = task
  const status = finished.exitCode ?? (signal === 'SIGXCPU' ? SIGXCPU : SIGABRT)
  if (ended === 'aborted') return refuse('aborted', 'the caller gave the job up')
  if (ended === 'timeout') return refuse('wall-time', `not done after ${limits.wallMs} ms`)
  if (ended === 'output-limit') {
    return refuse('output', `more than ${limits.outputMax} bytes of output`)
  }
  if (status === 0) return undefined
  const stderr = text(finished.stderr)
  const isSpent = oomKills > 0 || status === EXIT_MEMORY
  if (isSpent || (status > 128 && OUT_OF_MEMORY.test(stderr))) {
    return refuse('memory', `needed more than ${limits.memoryBytes} bytes`)
  }
  if (status === SIGXCPU || status === EXIT_TIME) {
    return refuse('wall-time', `used the processor longer than ${limits.wallMs} ms allow`)
  }
  if (/^(bwrap|unshare|setpriv|prlimit|mount|pivot_root): /.test(stderr)) {
    return refuse('sandbox-failed', stderr.slice(0, 256))
  }
  // What a dying interpreter prints names places on the host, and is none of the program's words.
  const words = status > 128 ? {} : { stderr: tail(finished.stderr) }
  return refuse('program-failed', `ended with ${status}`, { exitCode: status, ...words })
}

// A program writes what it likes there: only text is passed on.
function tail(stderr: Uint8Array): string {
  return text(stderr.subarray(-STDERR_TAIL_MAX))
}

function text(bytes: Uint8Array): string {
  const decoded = new TextDecoder().decode(bytes)
  return decoded.replaceAll(/[^\t\n\x20-\x7e\u00a0-\uffff]/g, '\ufffd').trim()
}
