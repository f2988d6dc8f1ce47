import { availableParallelism, totalmem } from 'node:os'
import { cpuInfo, cpuTimes, freeSpace, memoryInfo } from '@hypermesh/host'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readOnlyKernel } from './simulated.ts'

const MEMINFO = 'MemTotal:       1000000 kB\nMemFree:  1 kB\nMemAvailable:    800000 kB\n'
const KIB = 1024

test('memory is what the machine has, never more', () => {
  const memory = memoryInfo()
  if (!memory.available) throw new Error(memory.reason)
  expect(memory.value.totalBytes).toBeLessThanOrEqual(totalmem())
  expect(memory.value.availableBytes).toBeLessThanOrEqual(memory.value.totalBytes)
  expect(memory.value.availableBytes).toBeGreaterThan(0)
})

const V1 = {
  '/proc/meminfo': MEMINFO,
  '/proc/self/mountinfo': '1 2 0:1 / /cg/memory rw - cgroup cgroup rw,memory',
  '/proc/self/cgroup': '4:memory:/outer/inner',
  '/cg/memory/outer/inner/cgroup.procs': '1',
}
const V2 = {
  '/proc/meminfo': MEMINFO,
  '/proc/self/mountinfo': '1 2 0:1 / /cg rw - cgroup2 cgroup2 rw',
  '/proc/self/cgroup': '0::/outer/inner',
  '/cg/outer/inner/cgroup.procs': '1',
  '/cg/outer/inner/cgroup.controllers': 'cpu memory',
}

test.each([
  { name: 'no group limit', files: V1, total: 1_000_000 * KIB, free: 800_000 * KIB },
  {
    name: 'a v1 limit on an outer group',
    files: {
      ...V1,
      '/cg/memory/outer/memory.limit_in_bytes': '5000\n',
      '/cg/memory/outer/memory.usage_in_bytes': '2000\n',
      '/cg/memory/outer/memory.stat': 'cache 900\ntotal_inactive_file 500\n',
    },
    total: 5000,
    free: 3500,
  },
  {
    name: 'v2 limits, of which the lowest binds',
    files: {
      ...V2,
      '/cg/outer/inner/memory.max': '9000',
      '/cg/outer/inner/memory.current': '9500',
      '/cg/outer/memory.max': 'max',
      '/cg/outer/memory.current': '9500',
    },
    total: 9000,
    free: 0,
  },
])('memory with $name', ({ files, total, free }) => {
  expect(memoryInfo(readOnlyKernel(files))).toEqual({
    available: true,
    value: { totalBytes: total, availableBytes: free },
  })
})

test('memory that cannot be asked for is unavailable, not zero', () => {
  expect(memoryInfo(readOnlyKernel({}))).toMatchObject({ available: false })
  fc.assert(
    fc.property(fc.string(), (text) => {
      const memory = memoryInfo(readOnlyKernel({ '/proc/meminfo': text }))
      expect(memory.available).toBe(false)
    }),
  )
})

test('cores are those this process may use', () => {
  const cpu = cpuInfo()
  if (!cpu.available) throw new Error(cpu.reason)
  expect(cpu.value.cores).toBe(availableParallelism())
  expect(cpu.value.model).not.toBe('')
})

test.each([
  { name: 'v2', files: { ...V2, '/cg/outer/cpu.max': '50000 100000' }, quotaCores: 0.5 },
  { name: 'v2 without one', files: { ...V2, '/cg/outer/cpu.max': 'max 100000' } },
  {
    name: 'v1',
    files: {
      '/proc/self/mountinfo': '1 2 0:1 / /cg/cpu rw - cgroup cgroup rw,cpu,cpuacct',
      '/proc/self/cgroup': '4:cpu,cpuacct:/',
      '/cg/cpu/cpu.cfs_quota_us': '150000',
      '/cg/cpu/cpu.cfs_period_us': '100000',
    },
    quotaCores: 1.5,
  },
])('a quota of $name is told beside the cores: $quotaCores', ({ files, ...expected }) => {
  const cpu = cpuInfo(readOnlyKernel(files))
  if (!cpu.available) throw new Error(cpu.reason)
  expect(cpu.value.quotaCores).toBe(expected.quotaCores)
})

test('processor time goes up with work', () => {
  const before = cpuTimes()
  const until = performance.now() + 100
  while (performance.now() < until) Math.sqrt(until)
  const after = cpuTimes()
  if (!before.available || !after.available) throw new Error('no processor times')
  expect(after.value.busyMs).toBeGreaterThan(before.value.busyMs)
})

test('free space is that of the file system asked about', () => {
  const space = freeSpace(import.meta.dirname)
  if (!space.available) throw new Error(space.reason)
  expect(space.value.freeBytes).toBeGreaterThan(0)
  expect(space.value.freeBytes).toBeLessThan(space.value.totalBytes)
  expect(freeSpace('/no/such/folder')).toMatchObject({ available: false })
})
