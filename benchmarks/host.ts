import type { MappedMemory } from '@hypermesh/host'
import {
  createCgroup,
  mapMemory,
  mapMemoryAsync,
  memoryInfo,
  probeCgroups,
  run as runChild,
} from '@hypermesh/host'

const SIZE_BYTES = 64 * 2 ** 20
const ROUNDS = 9

/** What the calls cost: medians of nine, in milliseconds. */
export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  const measure = async (name: string, work: () => unknown): Promise<void> => {
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const started = performance.now()
      await work()
      times.push(performance.now() - started)
    }
    const median = times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN
    figures[name] = median
    print(`${name.padEnd(28)} ${median.toFixed(3)} ms`)
  }
  const giveBack = (memory: MappedMemory): void => memory[Symbol.dispose]()
  const limits = { outputMax: 1024, errorMax: 1024, timeoutMs: 10_000 }

  await measure('map64MiBMs', () => giveBack(mapMemory(SIZE_BYTES)))
  await measure('map64MiBAsyncMs', async () => giveBack(await mapMemoryAsync(SIZE_BYTES)))
  await measure('memoryInfoMs', () => memoryInfo())
  await measure('runTrueMs', () => runChild({ argv: ['/bin/true'], ...limits }))
  const cgroups = probeCgroups()
  if (cgroups.available) {
    await measure('runTrueInCgroupMs', async () => {
      const cgroup = createCgroup(`bench-${process.pid}`, { pids: 16 })
      await runChild({ argv: ['/bin/true'], cgroup, ...limits })
      await cgroup.remove()
    })
  } else print(`in a control group: unavailable: ${cgroups.reason}`)
  return figures
}
