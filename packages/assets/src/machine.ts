import type { MappedMemory, Probe } from '@hypermesh/host'
import { cpuInfo, freeSpace, mapMemoryAsync, memoryInfo } from '@hypermesh/host'

/** What is asked of the machine that lends: `@hypermesh/host`, unless something else is given. */
export interface Machine {
  cpu(): Probe<{ readonly cores: number; readonly model: string; readonly quotaCores?: number }>
  memory(): Probe<{ readonly totalBytes: number; readonly availableBytes: number }>
  disk(path: string): Probe<{ readonly totalBytes: number; readonly freeBytes: number }>
  /** @throws {HostError} `out-of-memory` when there is not so much. */
  map(sizeBytes: number): Promise<MappedMemory>
}

/** The machine this process runs on. */
export const hostMachine: Machine = {
  cpu: cpuInfo,
  memory: memoryInfo,
  disk: freeSpace,
  map: mapMemoryAsync,
}
