import type { Isolation } from '../isolation.ts'
import type { Language } from '../job.ts'
import type { Runtime } from '../language/runtime.ts'
import { refuse } from '../refusal.ts'
import type { CgroupRights } from '../sandbox/group.ts'
import type { ProcessLimits } from '../sandbox/rlimits.ts'
import type { Engine, EngineReport, Task } from './engine.ts'
import { NOTHING_ENFORCED } from './engine.ts'
import { launch } from './launch.ts'
import { probeConfinement, probeRuntime } from './probe.ts'

/** A program that makes a sandbox around a command. */
export interface Wrapping {
  readonly isolation: Isolation
  readonly engine: EngineReport['engine']
  /** Whether system calls are filtered, new processes among them. */
  readonly hasFilter: boolean
  /** What this host lacks for it. */
  readonly missing: readonly string[]
  readonly remedy: string
  /** The environment of the program that makes the sandbox, which the job never sees. */
  readonly env: Readonly<Record<string, string>>
  wrap(
    runtime: Runtime,
    command: readonly string[],
    limits: ProcessLimits,
  ): readonly [string, ...string[]]
}

export interface Ground {
  readonly rights: CgroupRights
  /** JavaScript first: it is also what looks around inside. */
  readonly javascript: Runtime
  readonly others: readonly Runtime[]
}

const NO_GROUP = 'without a memory control group nothing holds what several processes take'

/** An engine around a wrapping, or the reasons why it confines nothing on this host. */
export async function openSandboxed(wrapping: Wrapping, ground: Ground): Promise<Engine> {
  const { missing, hasFilter } = wrapping
  if (missing.length > 0) return closed(wrapping, missing, [])
  const { javascript } = ground
  // A limit of one process holds a job only where the job cannot start a second one: a filter sees to that, and the
  // bare realm of JavaScript does.
  const isHeld = hasFilter || ground.rights.memory
  const others = isHeld ? ground.others : []
  const unheld = isHeld ? [] : ground.others.map(({ name }) => `${name}: ${NO_GROUP}`)
  const start = (runtime: Runtime, command: readonly string[], stdin: Uint8Array, task: Task) => {
    const { wallMs, cpuCores, memoryBytes } = task.limits
    const limits = { memory: runtime.memory(memoryBytes), wallMs, cpuCores }
    const argv = wrapping.wrap(runtime, command, limits)
    return launch({ argv, env: wrapping.env, stdin, rights: ground.rights }, task)
  }
  const execute = (runtime: Runtime, task: Task) =>
    start(
      runtime,
      runtime.command(task.limits.memoryBytes),
      runtime.stdin(task.program, task.input),
      task,
    )
  const [confinement, ...flaws] = await Promise.all([
    probeConfinement(hasFilter, (command, task) =>
      start(javascript, command, new Uint8Array(0), task),
    ),
    ...[javascript, ...others].map((each) => probeRuntime(each, (task) => execute(each, task))),
  ])
  const runtimes = [javascript, ...others].filter((_, index) => flaws[index] === undefined)
  const { failure, holes } = confinement
  const reasons = [failure, ...holes, ...unheld, ...flaws].filter((each) => each !== undefined)
  if (failure !== undefined || holes.length > 0 || runtimes.length === 0) {
    return closed(wrapping, reasons, holes)
  }
  const byLanguage = new Map<Language, Runtime>(runtimes.map((each) => [each.language, each]))
  return {
    report: report(wrapping, ground.rights, runtimes, reasons),
    execute: async (task) => {
      const runtime = byLanguage.get(task.program.language)
      if (runtime !== undefined) return execute(runtime, task)
      return refuse('language-unavailable', `${task.program.language} does not run here`)
    },
  }
}

function closed(wrapping: Wrapping, reasons: readonly string[], holes: readonly string[]): Engine {
  const { isolation, engine, remedy } = wrapping
  return {
    report: {
      isolation,
      engine,
      isAvailable: false,
      runtimes: {},
      enforced: NOTHING_ENFORCED,
      reasons,
      holes,
      remedy,
    },
    execute: async () => refuse('isolation-unavailable', reasons.join('; ')),
  }
}

function report(
  { isolation, engine, hasFilter }: Wrapping,
  rights: CgroupRights,
  runtimes: readonly Runtime[],
  reasons: readonly string[],
): EngineReport {
  return {
    isolation,
    engine,
    isAvailable: true,
    runtimes: Object.fromEntries(runtimes.map(({ language, name }) => [language, name])),
    enforced: {
      files: 'kernel',
      network: 'kernel',
      environment: 'kernel',
      processes: 'kernel',
      systemCalls: hasFilter ? 'kernel' : 'none',
      memory: 'kernel',
      cpu: rights.cpu ? 'kernel' : 'none',
      wallTime: 'process',
      output: 'process',
    },
    reasons,
    holes: [],
  }
}
