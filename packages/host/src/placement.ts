import { HostError } from './errors.ts'
import type { Hierarchy } from './hierarchy.ts'
import { wordsOf } from './hierarchy.ts'
import type { KernelFiles } from './kernel.ts'
import { readIfThere } from './kernel.ts'
import { errorCode } from './probe.ts'

/** What a control group holds its processes to. */
export interface CgroupLimits {
  readonly memoryBytes?: number
  /** Cores' worth of time, fractions allowed. */
  readonly cpuCores?: number
  readonly pids?: number
}

/** One folder to make, and what to write into it. */
export interface Placement {
  readonly folder: string
  readonly settings: readonly Setting[]
}

interface Setting {
  readonly file: string
  readonly text: string
  /** Not every kernel keeps this file, and where it is missing nothing is lost. */
  readonly isOptional?: boolean
}

// The period over which a share of CPU time is counted; the kernel's own default.
const PERIOD_US = 100_000
// The kernel refuses a quota below a millisecond.
const QUOTA_US_MIN = 1_000

type Controller = 'memory' | 'cpu' | 'pids'
type Settings = Readonly<Record<Controller, (limits: CgroupLimits) => readonly Setting[]>>

/** What the folder of every group of ours begins with. */
export const FOLDER_PREFIX = 'hypermesh-'

/** Where groups of ours can be: below this process's own group, or in version 2 beside it. */
export function parents(trees: readonly Hierarchy[]): readonly string[] {
  const folders = trees.flatMap(({ version, own, mount }) =>
    version === 2 && own !== mount ? [own, parentOf(own)] : [own],
  )
  return [...new Set(folders)]
}

function parentOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf('/'))
}

/** The folders a group of that name needs in each tree, with the settings that make its limits. */
export function placements(
  name: string,
  limits: CgroupLimits,
  trees: readonly Hierarchy[],
  files: KernelFiles,
): readonly Placement[] {
  const wanted = wantedControllers(limits)
  const unified = trees.find((tree) => tree.version === 2)
  const places: Placement[] = []
  const onUnified: Controller[] = []
  for (const controller of wanted) {
    const tree = treeOf(trees, controller)
    if (tree !== undefined) {
      const settings = SETTINGS_V1[controller](limits)
      places.push({ folder: `${tree.own}/${FOLDER_PREFIX}${name}`, settings })
    } else if (unified?.controllers.has(controller)) onUnified.push(controller)
    else throw new HostError('cgroup-unavailable', `no ${controller} controller on this host`)
  }
  const accounting = treeOf(trees, 'cpuacct')
  if (accounting === undefined && unified === undefined) {
    throw new HostError('cgroup-unavailable', 'no tree that counts CPU time')
  }
  if (accounting !== undefined)
    places.push({ folder: `${accounting.own}/${FOLDER_PREFIX}${name}`, settings: [] })
  if (unified !== undefined) {
    const parent = parentV2(unified, onUnified, files)
    const settings = onUnified.flatMap((controller) => SETTINGS_V2[controller](limits))
    places.push({ folder: `${parent}/${FOLDER_PREFIX}${name}`, settings })
  }
  return merged(places)
}

function wantedControllers({ memoryBytes, cpuCores, pids }: CgroupLimits): readonly Controller[] {
  const wanted: Controller[] = []
  if (memoryBytes !== undefined) wanted.push('memory')
  if (cpuCores !== undefined) wanted.push('cpu')
  if (pids !== undefined) wanted.push('pids')
  for (const value of [memoryBytes, pids]) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value <= 0)) {
      throw new HostError('invalid-argument', `limit ${value} is not a positive whole number`)
    }
  }
  if (cpuCores !== undefined && !(Number.isFinite(cpuCores) && cpuCores > 0)) {
    throw new HostError('invalid-argument', `limit ${cpuCores} cores`)
  }
  return wanted
}

function treeOf(trees: readonly Hierarchy[], controller: string): Hierarchy | undefined {
  return trees.find((tree) => tree.version === 1 && tree.controllers.has(controller))
}

// Linux Documentation/admin-guide/cgroup-v1. The second memory limit counts swap too, where the kernel counts it.
const SETTINGS_V1: Settings = {
  memory: ({ memoryBytes }) => [
    { file: 'memory.limit_in_bytes', text: String(memoryBytes) },
    { file: 'memory.memsw.limit_in_bytes', text: String(memoryBytes), isOptional: true },
  ],
  cpu: (limits) => [
    { file: 'cpu.cfs_period_us', text: String(PERIOD_US) },
    { file: 'cpu.cfs_quota_us', text: String(quota(limits)) },
  ],
  pids: ({ pids }) => [{ file: 'pids.max', text: String(pids) }],
}

// Linux Documentation/admin-guide/cgroup-v2.rst, interface files of the memory, cpu and pids controllers.
const SETTINGS_V2: Settings = {
  memory: ({ memoryBytes }) => [
    { file: 'memory.max', text: String(memoryBytes) },
    { file: 'memory.swap.max', text: '0', isOptional: true },
    { file: 'memory.oom.group', text: '1', isOptional: true },
  ],
  cpu: (limits) => [{ file: 'cpu.max', text: `${quota(limits)} ${PERIOD_US}` }],
  pids: ({ pids }) => [{ file: 'pids.max', text: String(pids) }],
}

function quota({ cpuCores = 0 }: CgroupLimits): number {
  return Math.max(QUOTA_US_MIN, Math.round(cpuCores * PERIOD_US))
}

// v2 lets no group but the root both hold processes and hand controllers to its children ("no internal processes").
// Ours holds us, so then the child goes beside us instead, provided that no limit of ours is evaded by that.
function parentV2(
  unified: Hierarchy,
  controllers: readonly Controller[],
  files: KernelFiles,
): string {
  if (controllers.length === 0) return unified.own
  try {
    enable(unified.own, controllers, files)
    return unified.own
  } catch (error) {
    if (errorCode(error) !== 'EBUSY') throw error
    if (unified.own === unified.mount) throw error
  }
  for (const file of ['memory.max', 'cpu.max']) {
    const limit = readIfThere(files, `${unified.own}/${file}`)
    if (limit !== undefined && !limit.startsWith('max')) {
      throw new HostError(
        'cgroup-unavailable',
        `this process's own group is limited (${file}) and holds processes, so it cannot have limited children`,
      )
    }
  }
  const beside = parentOf(unified.own)
  enable(beside, controllers, files)
  return beside
}

function enable(folder: string, controllers: readonly Controller[], files: KernelFiles): void {
  const file = `${folder}/cgroup.subtree_control`
  const enabled = wordsOf(readIfThere(files, file) ?? '')
  const missing = controllers.filter((controller) => !enabled.has(controller))
  if (missing.length > 0) files.write(file, missing.map((controller) => `+${controller}`).join(' '))
}

// Two v1 controllers mounted together (cpu,cpuacct) are one folder.
function merged(places: readonly Placement[]): readonly Placement[] {
  const byFolder = new Map<string, Setting[]>()
  for (const { folder, settings } of places) {
    byFolder.set(folder, [...(byFolder.get(folder) ?? []), ...settings])
  }
  return [...byFolder].map(([folder, settings]) => ({ folder, settings }))
}
