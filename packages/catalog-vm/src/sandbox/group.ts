import { readdirSync, rmdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { draw, systemRandom, toHex } from '@hypermesh/crypto'
import type { Cgroup } from '@hypermesh/host'
import { createCgroup, probeCgroups } from '@hypermesh/host'
import { TASKS_MAX } from './rlimits.ts'

/** Which control groups this process may make. */
export interface CgroupRights {
  readonly memory: boolean
  readonly cpu: boolean
  readonly pids: boolean
}

const NO_RIGHTS: CgroupRights = { memory: false, cpu: false, pids: false }

/** Found by making groups; and what executors that were killed could not remove is removed. */
export async function cgroupRights(): Promise<CgroupRights> {
  const probe = probeCgroups()
  if (!probe.available) return NO_RIGHTS
  await sweep(probe.value)
  return probe.value
}

/**
 * Removes what executors that were killed could not: the control groups of their jobs. A catalog does so when it
 * opens; whoever ends an executor with force, and opens none, does it by this.
 */
export async function reclaim(): Promise<void> {
  await cgroupRights()
}

/**
 * A control group for one job; undefined where this process may make none.
 *
 * @throws {HostError} as `createCgroup` does.
 */
export function jobGroup(
  limits: { readonly memoryBytes: number; readonly cpuCores: number },
  rights: CgroupRights,
): Cgroup | undefined {
  if (!rights.memory && !rights.cpu && !rights.pids) return undefined
  return createCgroup(`job-${process.pid}-${toHex(draw(systemRandom, 6))}`, {
    ...(rights.memory ? { memoryBytes: limits.memoryBytes } : {}),
    ...(rights.cpu ? { cpuCores: limits.cpuCores } : {}),
    ...(rights.pids ? { pids: TASKS_MAX } : {}),
  })
}

// A group says by its name whose it is. One whose process is gone holds nothing any more: the program died with it.
async function sweep(rights: CgroupRights): Promise<void> {
  const own = jobGroup({ memoryBytes: 2 ** 26, cpuCores: 1 }, rights)
  if (own === undefined) return
  const folders = own.procsFiles.map((file) => dirname(file))
  for (const folder of folders) {
    const mark = basename(folder).slice(0, -own.name.length)
    for (const name of readdirSync(dirname(folder))) {
      const [, pid] = /^job-(\d+)-[0-9a-f]{12}$/.exec(name.slice(mark.length)) ?? []
      if (name.startsWith(mark) && pid !== undefined && isGone(Number(pid))) {
        removeIfEmpty(join(dirname(folder), name))
      }
    }
  }
  await own.remove()
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

// The kernel refuses while anybody is in it; another executor may have been quicker.
function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'EBUSY' && code !== 'ENOENT' && code !== 'ENOTEMPTY') throw error
  }
}
