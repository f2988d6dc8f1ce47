import { ancestors, hierarchies } from './hierarchy.ts'
import type { KernelFiles } from './kernel.ts'
import { kernelFiles, numberAfter, readIfThere, wholeNumber } from './kernel.ts'
import type { Probe } from './probe.ts'
import { available, unavailable } from './probe.ts'

/**
 * The memory this process can have, in bytes: the machine's, or less where a control group above us sets a limit.
 * `availableBytes` is what can be taken now without swapping.
 */
export function memoryInfo(files: KernelFiles = kernelFiles): Probe<{
  readonly totalBytes: number
  readonly availableBytes: number
}> {
  const text = readIfThere(files, '/proc/meminfo')
  const total = kibibytesAfter(text, 'MemTotal')
  const free = kibibytesAfter(text, 'MemAvailable')
  if (total === undefined || free === undefined) {
    return unavailable('this system has no /proc/meminfo', 'run on Linux with /proc mounted')
  }
  const groups = groupLimits(files)
  return available({
    totalBytes: Math.min(total, ...groups.map(({ limit }) => limit)),
    availableBytes: Math.min(free, ...groups.map(({ limit, used }) => Math.max(0, limit - used))),
  })
}

// proc(5), /proc/meminfo: "MemTotal:       24684160 kB".
function kibibytesAfter(text: string | undefined, name: string): number | undefined {
  const digits = text?.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm'))?.[1]
  return digits === undefined ? undefined : Number(digits) * 1024
}

function groupLimits(files: KernelFiles): readonly { limit: number; used: number }[] {
  const found: { limit: number; used: number }[] = []
  for (const tree of hierarchies(files)) {
    const [limitFile, usedFile, cacheKey] =
      tree.version === 1
        ? ['memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file']
        : ['memory.max', 'memory.current', 'inactive_file']
    if (!tree.controllers.has('memory')) continue
    for (const folder of ancestors(tree)) {
      const limit = wholeNumber(readIfThere(files, `${folder}/${limitFile}`))
      const used = wholeNumber(readIfThere(files, `${folder}/${usedFile}`))
      if (limit === undefined || used === undefined) continue
      // File pages not used lately are given back on demand, so they count as free, as MemAvailable counts them.
      const cache = numberAfter(readIfThere(files, `${folder}/memory.stat`), cacheKey) ?? 0
      found.push({ limit, used: Math.max(0, used - cache) })
    }
  }
  return found
}
