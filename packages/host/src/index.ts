/**
 * Call the operating system: memory, control groups, networks, probes, devices, processes.
 *
 * @example
 * const finished = await run({
 *   argv: ['echo', 'hello'],
 *   outputMax: 1024,
 *   errorMax: 1024,
 *   timeoutMs: 5_000,
 * })
 * finished.exitCode // 0
 *
 * @packageDocumentation
 */
export { CGROUP_WAIT_MS_MAX, createCgroup, probeCgroups, reclaimCgroups } from './cgroup.ts'
export type { Cgroup } from './cgroup.ts'
export { cpuInfo, cpuTimes } from './cpu.ts'
export { freeSpace } from './disk.ts'
export { HostError } from './errors.ts'
export type { HostErrorCode } from './errors.ts'
export { probeForeign } from './ffi.ts'
export type { Foreign, Mapped } from './ffi.ts'
export type { KernelFiles } from './kernel.ts'
export { MEMORY_RESERVE_BYTES, mapMemory, mapMemoryAsync, probeMapping } from './mapping.ts'
export type { MapOptions, MappedMemory } from './mapping.ts'
export { memoryInfo } from './memory.ts'
export type { CgroupLimits } from './placement.ts'
export type { Probe } from './probe.ts'
export { PIPE_GRACE_MS, run, TIMEOUT_MS_MAX } from './process.ts'
export type { Finished, RunOptions } from './process.ts'
export { findProgram } from './program.ts'
