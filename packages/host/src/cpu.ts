import { availableParallelism, cpus } from 'node:os'
import { ancestors, hierarchies } from './hierarchy.ts'
import type { KernelFiles } from './kernel.ts'
import { kernelFiles, readIfThere, wholeNumber } from './kernel.ts'
import type { Probe } from './probe.ts'
import { available, unavailable } from './probe.ts'

/**
 * The cores this process may use: what its affinity leaves of the machine. `model` is the system's own word for
 * them. `quotaCores` is the share of time its control groups leave, where they take some.
 */
export function cpuInfo(files: KernelFiles = kernelFiles): Probe<{
  readonly cores: number
  readonly model: string
  readonly quotaCores?: number
}> {
  const [first] = cpus()
  if (first === undefined)
    return unavailable('this system does not name its processors', 'mount /proc')
  const quotaCores = quota(files)
  return available({
    cores: availableParallelism(),
    model: first.model.trim(),
    ...(quotaCores === undefined ? {} : { quotaCores }),
  })
}

/** Time all processors together have spent working and idle since the machine started, in milliseconds. */
export function cpuTimes(): Probe<{ readonly busyMs: number; readonly idleMs: number }> {
  const times = cpus().map((cpu) => cpu.times)
  if (times.length === 0)
    return unavailable('this system does not count processor time', 'mount /proc')
  let busyMs = 0
  let idleMs = 0
  for (const { user, nice, sys, irq, idle } of times) {
    busyMs += user + nice + sys + irq
    idleMs += idle
  }
  return available({ busyMs, idleMs })
}

// The lowest of all the limits between our group and the root.
function quota(files: KernelFiles): number | undefined {
  const shares: number[] = []
  for (const tree of hierarchies(files)) {
    if (!tree.controllers.has('cpu')) continue
    for (const folder of ancestors(tree)) {
      const share = tree.version === 1 ? shareV1(folder, files) : shareV2(folder, files)
      if (share !== undefined) shares.push(share)
    }
  }
  return shares.length === 0 ? undefined : Math.min(...shares)
}

function shareV1(folder: string, files: KernelFiles): number | undefined {
  const quotaUs = wholeNumber(readIfThere(files, `${folder}/cpu.cfs_quota_us`))
  const periodUs = wholeNumber(readIfThere(files, `${folder}/cpu.cfs_period_us`))
  return ratio(quotaUs, periodUs)
}

function shareV2(folder: string, files: KernelFiles): number | undefined {
  const [quotaUs, periodUs] = (readIfThere(files, `${folder}/cpu.max`) ?? '').split(' ')
  return ratio(wholeNumber(quotaUs), wholeNumber(periodUs))
}

function ratio(quotaUs: number | undefined, periodUs: number | undefined): number | undefined {
  return quotaUs === undefined || periodUs === undefined || periodUs === 0
    ? undefined
    : quotaUs / periodUs
}
