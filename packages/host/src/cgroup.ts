import { setTimeout as wait } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'
import { HostError } from './errors.ts'
import type { Hierarchy } from './hierarchy.ts'
import { hierarchies } from './hierarchy.ts'
import type { KernelFiles } from './kernel.ts'
import { kernelFiles, numberAfter, readIfThere, wholeNumber } from './kernel.ts'
import type { CgroupLimits, Placement } from './placement.ts'
import { FOLDER_PREFIX, parents, placements } from './placement.ts'
import type { Probe } from './probe.ts'
import { available, errorCode, errorText, unavailable } from './probe.ts'

/** How long {@link Cgroup.kill} and {@link Cgroup.remove} wait for the kernel to let go of the last process. */
export const CGROUP_WAIT_MS_MAX = 5_000

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/
const POLL_MS = 5

/** A control group: what the kernel itself holds a set of processes to. */
export interface Cgroup {
  readonly name: string
  /** Moves a process in. @throws {HostError} `no-such-process`, `cgroup-unavailable`. */
  add(pid: number): void
  /** A process that writes `0` to each of these has moved itself in. */
  readonly procsFiles: readonly string[]
  /** What the processes in it, living and dead, have used. A figure the kernel does not keep is absent. */
  usage(): { readonly cpuMs: number; readonly memoryPeakBytes?: number; readonly oomKills?: number }
  /** Ends every process in it, those that left their process group too. @throws {HostError} `cgroup-busy`. */
  kill(): Promise<void>
  /** Removes the group once it is empty. @throws {HostError} `cgroup-busy` when it does not become so. */
  remove(): Promise<void>
}

/** What this process may do with control groups, found by making and removing one for each controller. */
export function probeCgroups(files: KernelFiles = kernelFiles): Probe<{
  readonly version: 'v1' | 'v2' | 'hybrid'
  readonly memory: boolean
  readonly cpu: boolean
  readonly pids: boolean
}> {
  const trees = hierarchies(files)
  if (trees.length === 0) {
    return unavailable(
      'no control groups are mounted',
      'run on Linux with /sys/fs/cgroup mounted; without it limits are kept by the ledger only',
    )
  }
  const reasons: string[] = []
  const holds = (limits: CgroupLimits): boolean => {
    try {
      removeFolders(make(`probe-${process.pid}-${threadId}`, limits, files), files)
      return true
    } catch (error) {
      reasons.push(errorText(error))
      return false
    }
  }
  const memory = holds({ memoryBytes: 2 ** 26 })
  const cpu = holds({ cpuCores: 1 })
  const pids = holds({ pids: 64 })
  if (!memory && !cpu && !pids) {
    return unavailable(
      reasons[0] ?? 'no controller can be used',
      'run as root, or in a delegated control group (systemd: Delegate=yes with DelegateSubgroup=)',
    )
  }
  return available({ version: versionOf(trees), memory, cpu, pids })
}

/**
 * Makes a control group below the one this process is in, so that our own limits keep binding.
 *
 * @param name - 1 to 64 of a-z, 0-9 and '-'. An empty group of that name, left by a crash, is replaced.
 * @param limits - Bytes, cores (fractions allowed) and processes; what is absent is not limited here.
 * @throws {HostError} `cgroup-unavailable` when a limit asked for cannot be enforced: it is never left out silently;
 *   `cgroup-exists` when the name is in use; `invalid-argument`.
 */
export function createCgroup(
  name: string,
  limits: CgroupLimits,
  files: KernelFiles = kernelFiles,
): Cgroup {
  if (!NAME.test(name))
    throw new HostError('invalid-argument', `cgroup name ${JSON.stringify(name)}`)
  const folders = make(name, limits, files)
  const procsFiles = folders.map(({ folder }) => `${folder}/cgroup.procs`)
  return {
    name,
    procsFiles,
    add: (pid) => {
      for (const path of procsFiles) moveIn(path, pid, files)
    },
    usage: () => usageOf(folders, files),
    kill: () => killAll(name, folders, files),
    remove: () => removeAll(name, folders, files),
  }
}

/**
 * Ends and removes the groups that a process which was killed has left behind, with all that runs in them.
 *
 * @param prefix - Groups named `PREFIX-...` are taken; give each node a prefix of its own.
 * @returns The names of those removed.
 * @throws {HostError} `cgroup-busy` when one does not become empty; `invalid-argument`.
 */
export async function reclaimCgroups(
  prefix: string,
  files: KernelFiles = kernelFiles,
): Promise<readonly string[]> {
  if (!NAME.test(prefix))
    throw new HostError('invalid-argument', `prefix ${JSON.stringify(prefix)}`)
  const found = new Map<string, Placement[]>()
  for (const parent of parents(hierarchies(files))) {
    for (const folder of files.folders(parent)) {
      if (!folder.startsWith(`${FOLDER_PREFIX}${prefix}-`)) continue
      const name = folder.slice(FOLDER_PREFIX.length)
      const places = found.get(name) ?? []
      found.set(name, [...places, { folder: `${parent}/${folder}`, settings: [] }])
    }
  }
  for (const [name, places] of found) {
    await killAll(name, places, files)
    await removeAll(name, places, files)
  }
  return [...found.keys()]
}

function versionOf(trees: readonly Hierarchy[]): 'v1' | 'v2' | 'hybrid' {
  const isV1 = trees.some((tree) => tree.version === 1)
  const isV2 = trees.some((tree) => tree.version === 2)
  if (isV1 && isV2) return 'hybrid'
  return isV1 ? 'v1' : 'v2'
}

function make(name: string, limits: CgroupLimits, files: KernelFiles): readonly Placement[] {
  const made: Placement[] = []
  try {
    for (const placement of placements(name, limits, hierarchies(files), files)) {
      makeFolder(name, placement.folder, files)
      made.push(placement)
      set(placement, files)
    }
  } catch (error) {
    removeFolders(made, files)
    if (error instanceof HostError) throw error
    throw new HostError('cgroup-unavailable', `cgroup ${name}: ${errorText(error)}`, {
      cause: error,
    })
  }
  return made
}

function set({ folder, settings }: Placement, files: KernelFiles): void {
  for (const { file, text, isOptional } of settings) {
    const path = `${folder}/${file}`
    if (isOptional && readIfThere(files, path) === undefined) continue
    files.write(path, text)
  }
}

function makeFolder(name: string, folder: string, files: KernelFiles): void {
  try {
    files.makeFolder(folder)
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
    try {
      files.removeFolder(folder)
    } catch (busy) {
      throw new HostError('cgroup-exists', `cgroup ${name} is in use`, { cause: busy })
    }
    files.makeFolder(folder)
  }
}

function removeFolders(folders: readonly Placement[], files: KernelFiles): void {
  for (const { folder } of folders) {
    try {
      files.removeFolder(folder)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

function moveIn(path: string, pid: number, files: KernelFiles): void {
  // Writing 0 would move this process itself.
  if (!Number.isSafeInteger(pid) || pid <= 0) throw new HostError('invalid-argument', `pid ${pid}`)
  try {
    files.write(path, String(pid))
  } catch (error) {
    const code = errorCode(error) === 'ESRCH' ? 'no-such-process' : 'cgroup-unavailable'
    throw new HostError(code, `process ${pid}: ${errorText(error)}`, { cause: error })
  }
}

function usageOf(folders: readonly Placement[], files: KernelFiles): ReturnType<Cgroup['usage']> {
  let cpuMs: number | undefined
  let memoryPeakBytes: number | undefined
  let oomKills: number | undefined
  for (const { folder } of folders) {
    const read = (file: string): string | undefined => readIfThere(files, `${folder}/${file}`)
    const nanoseconds = wholeNumber(read('cpuacct.usage'))
    const microseconds = numberAfter(read('cpu.stat'), 'usage_usec')
    if (nanoseconds !== undefined) cpuMs ??= nanoseconds / 1e6
    if (microseconds !== undefined) cpuMs ??= microseconds / 1e3
    memoryPeakBytes ??= wholeNumber(read('memory.max_usage_in_bytes') ?? read('memory.peak'))
    oomKills ??= numberAfter(read('memory.oom_control') ?? read('memory.events'), 'oom_kill')
  }
  if (cpuMs === undefined) throw new HostError('cgroup-unavailable', 'the group is gone')
  return {
    cpuMs,
    ...(memoryPeakBytes === undefined ? {} : { memoryPeakBytes }),
    ...(oomKills === undefined ? {} : { oomKills }),
  }
}

async function killAll(
  name: string,
  folders: readonly Placement[],
  files: KernelFiles,
): Promise<void> {
  for (let waited = 0; waited <= CGROUP_WAIT_MS_MAX; waited += POLL_MS) {
    const pids = folders.flatMap(({ folder }) => pidsOf(`${folder}/cgroup.procs`, files))
    if (pids.length === 0) return
    for (const { folder } of folders) killAtOnce(folder, files)
    for (const pid of pids) endProcess(pid)
    await wait(POLL_MS)
  }
  throw new HostError('cgroup-busy', `cgroup ${name} still holds processes`)
}

// cgroup.kill (v2, Linux 5.14) takes all of them in one step, which no fork can outrun. Where it is missing,
// killing by number is repeated until none is left.
function killAtOnce(folder: string, files: KernelFiles): void {
  try {
    files.write(`${folder}/cgroup.kill`, '1')
  } catch {
    // Not this kernel, or a v1 tree: the loop in killAll does the work.
  }
}

function pidsOf(path: string, files: KernelFiles): readonly number[] {
  // A process outside our pid namespace is listed as 0, and kill(0) would end our own process group.
  const lines = (readIfThere(files, path) ?? '').split('\n')
  return lines.map(Number).filter((pid) => Number.isSafeInteger(pid) && pid > 0)
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error
  }
}

async function removeAll(
  name: string,
  folders: readonly Placement[],
  files: KernelFiles,
): Promise<void> {
  for (let waited = 0; ; waited += POLL_MS) {
    try {
      removeFolders(folders, files)
      return
    } catch (error) {
      // The kernel answers EBUSY for a moment after the last process has gone.
      if (errorCode(error) !== 'EBUSY' || waited >= CGROUP_WAIT_MS_MAX) {
        throw new HostError('cgroup-busy', `cgroup ${name}: ${errorText(error)}`, { cause: error })
      }
    }
    await wait(POLL_MS)
  }
}
