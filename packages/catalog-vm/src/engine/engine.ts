import type { Isolation } from '../isolation.ts'
import type { Language, Limits, Program } from '../job.ts'
import type { Usage } from '../receipt.ts'
import type { Refused } from '../refusal.ts'

/** Who holds a program to a limit: the kernel, the process's own interpreter or ours, or nobody. */
export type Enforcement = 'kernel' | 'process' | 'none'

export type Limited =
  | 'files'
  | 'network'
  | 'environment'
  | 'processes'
  | 'systemCalls'
  | 'memory'
  | 'cpu'
  | 'wallTime'
  | 'output'

/** What one way of confining programs can do on this host, found by trying it. */
export interface EngineReport {
  readonly isolation: Isolation
  readonly engine: 'bubblewrap' | 'unshare' | 'isolated-vm'
  readonly isAvailable: boolean
  /** Of each language that runs in it: the interpreter. */
  readonly runtimes: Readonly<Partial<Record<Language, string>>>
  readonly enforced: Readonly<Record<Limited, Enforcement>>
  /** Why it is not available, or a language of it is not. */
  readonly reasons: readonly string[]
  /** Where the confinement starts but was seen not to hold. Such an engine is never available. */
  readonly holes: readonly string[]
  readonly remedy?: string
}

/** A program with everything it is held to. */
export interface Task {
  readonly program: Program
  readonly input: Uint8Array
  readonly limits: Limits & { readonly cpuCores: number }
  readonly signal?: AbortSignal
}

export type Execution =
  | { readonly ok: true; readonly output: Uint8Array; readonly usage: Usage }
  | Refused

/** Of an engine that is not available: it holds nobody to anything. */
export const NOTHING_ENFORCED: EngineReport['enforced'] = {
  files: 'none',
  network: 'none',
  environment: 'none',
  processes: 'none',
  systemCalls: 'none',
  memory: 'none',
  cpu: 'none',
  wallTime: 'none',
  output: 'none',
}

export interface Engine {
  readonly report: EngineReport
  /** @param task - In a language of `report.runtimes`. */
  execute(task: Task): Promise<Execution>
}
