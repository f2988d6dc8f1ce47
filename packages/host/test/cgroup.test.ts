import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Cgroup, CgroupLimits } from '@hypermesh/host'
import { createCgroup, findProgram, probeCgroups, reclaimCgroups, run } from '@hypermesh/host'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { hasEnded, text } from './children.ts'
import { readOnlyKernel, unifiedKernel } from './simulated.ts'

const MIB = 2 ** 20
const limits = { outputMax: 65_536, errorMax: 65_536, timeoutMs: 10_000 }
const env = { PATH: '/usr/bin:/bin' }
const probe = probeCgroups()
if (!probe.available)
  process.stdout.write(`skipped: control groups of this host: ${probe.reason}\n`)

async function within<T>(
  name: string,
  held: CgroupLimits,
  work: (group: Cgroup) => Promise<T>,
): Promise<T> {
  // Named by this process too, so that what a killed run left behind is not in the way.
  const group = createCgroup(`${name}-${process.pid}`, held)
  try {
    return await work(group)
  } finally {
    await group.kill()
    await group.remove()
    for (const path of group.procsFiles) expect(existsSync(dirname(path))).toBe(false)
  }
}

describe.skipIf(!probe.available)('on this host', () => {
  const shell = (script: string, cgroup: Cgroup) =>
    run({ argv: ['sh', '-c', script], env, ...limits, cgroup })

  test('a child is in every tree of its group before its program starts', () =>
    within('enters', { pids: 16 }, async (cgroup) => {
      const finished = await run({ argv: ['cat', '/proc/self/cgroup'], ...limits, cgroup })
      const inside = text(finished.stdout)
        .split('\n')
        .filter((each) => each.includes('enters'))
      expect(inside).toHaveLength(cgroup.procsFiles.length)
    }))

  test('the environment in a group is what was given, too', () =>
    within('environment', {}, async (cgroup) => {
      const finished = await run({ argv: ['env'], env: { ONLY: 'this' }, ...limits, cgroup })
      expect(text(finished.stdout)).toBe('ONLY=this\n')
    }))

  test('a child that cannot enter its group does not start', async () => {
    const gone = {
      ...createCgroup(`gone-${process.pid}`, {}),
      procsFiles: ['/no/such/folder/cgroup.procs'],
    }
    const running = run({ argv: ['echo', 'started'], ...limits, cgroup: gone })
    await expect(running).rejects.toMatchObject({ code: 'cgroup-unavailable' })
    await gone.remove()
  })

  test('more memory than the limit ends the child, and the peak shows it', () =>
    within('memory', { memoryBytes: 16 * MIB }, async (group) => {
      const finished = await shell('x=x; while :; do x=$x$x; done', group)
      expect(finished.signal).toBe('SIGKILL')
      const { memoryPeakBytes, oomKills } = group.usage()
      expect(oomKills).toBeGreaterThanOrEqual(1)
      expect(memoryPeakBytes).toBeLessThanOrEqual(16 * MIB)
      expect(memoryPeakBytes).toBeGreaterThan(8 * MIB)
    }))

  test('more processes than the limit are not made', () =>
    within('pids', { pids: 8 }, async (group) => {
      const script = 'i=0; while [ $i -lt 30 ]; do sleep 30 & i=$((i+1)); done; echo all'
      const finished = await shell(script, group)
      expect(text(finished.stdout)).not.toContain('all')
      expect(text(finished.stderr)).toMatch(/fork/i)
    }))

  test('processor time is held to the share and counted', () =>
    within('cpu', { cpuCores: 0.2 }, async (group) => {
      const finished = await run({
        argv: ['sh', '-c', 'while :; do :; done'],
        ...limits,
        timeoutMs: 600,
        cgroup: group,
      })
      expect(finished.ended).toBe('timeout')
      expect(group.usage().cpuMs).toBeGreaterThan(10)
      expect(group.usage().cpuMs).toBeLessThan(400)
    }))

  test.skipIf(findProgram('setsid') === undefined)(
    'a process that left its process group does not leave its control group',
    () =>
      within('escapes', { pids: 16 }, async (group) => {
        const finished = await shell('setsid sleep 60 & echo $!; sleep 0.1', group)
        const pid = Number(text(finished.stdout))
        expect(await hasEnded(pid)).toBe(true)
      }),
  )

  test('a running process can be moved in, and is ended by kill', () =>
    within('moved', {}, async (group) => {
      const running = run({
        argv: ['sleep', '60'],
        ...limits,
        onSpawn: (pid) => group.add(pid),
      })
      await new Promise((resolve) => setTimeout(resolve, 50))
      await group.kill()
      expect(await running).toMatchObject({ signal: 'SIGKILL', ended: 'exit' })
    }))

  test('a name in use is refused; an empty group left behind is replaced', async () => {
    await within('twice', {}, async (first) => {
      expect(createCgroup(first.name, {}).procsFiles).toEqual(first.procsFiles)
      await run({
        argv: ['sleep', '60'],
        ...limits,
        timeoutMs: 50,
        cgroup: first,
        onSpawn: (pid) => {
          first.add(pid)
          const again = () => createCgroup(first.name, {})
          expect(again).toThrow(expect.objectContaining({ code: 'cgroup-exists' }))
        },
      })
    })
  })

  test('what a killed process left behind is ended and removed by its prefix', async () => {
    const prefix = `left-${process.pid}`
    const left = createCgroup(`${prefix}-a`, { pids: 8 })
    const other = createCgroup(`${prefix}b`, {})
    const running = run({
      argv: ['sleep', '60'],
      ...limits,
      onSpawn: (pid) => left.add(pid),
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await reclaimCgroups(prefix)).toEqual([`${prefix}-a`])
    expect(await running).toMatchObject({ signal: 'SIGKILL' })
    expect(left.procsFiles.some((path) => existsSync(path))).toBe(false)
    // Not below the prefix, so not ours to end.
    expect(other.procsFiles.every((path) => existsSync(path))).toBe(true)
    await other.remove()
    expect(await reclaimCgroups(prefix)).toEqual([])
  })

  test('a process that is not there cannot be moved, and 0 never means ourselves', () =>
    within('absent', {}, async (group) => {
      expect(() => group.add(2 ** 22 + 1)).toThrow(
        expect.objectContaining({ code: 'no-such-process' }),
      )
      expect(() => group.add(0)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    }))

  const setpriv = process.getuid?.() === 0 ? findProgram('setpriv') : undefined
  test.skipIf(setpriv === undefined)('an ordinary user is told why not', async () => {
    const script = `import('@hypermesh/host').then((host) => console.log(JSON.stringify(host.probeCgroups())))`
    const finished = await run({
      argv: [
        'setpriv',
        '--reuid=65534',
        '--regid=65534',
        '--clear-groups',
        process.execPath,
        '--disable-warning=ExperimentalWarning',
        '--conditions=@hypermesh/source',
        '--input-type=module',
        '-e',
        script,
      ],
      cwd: import.meta.dirname,
      ...limits,
    })
    const answer: unknown = JSON.parse(text(finished.stdout))
    expect(answer).toMatchObject({ available: false })
    expect(answer).toHaveProperty('reason', expect.stringMatching(/EACCES|EPERM|EROFS/))
    expect(answer).toHaveProperty('remedy', expect.stringContaining('root'))
  })
})

describe('version 2', () => {
  const all = { memoryBytes: 64 * MIB, cpuCores: 1.5, pids: 20 }

  test('limits are written in its own words', async () => {
    const kernel = unifiedKernel('/')
    const group = createCgroup('job-1', all, kernel)
    const folder = '/sys/fs/cgroup/hypermesh-job-1'
    expect(group.procsFiles).toEqual([`${folder}/cgroup.procs`])
    expect(kernel.files.get(`${folder}/memory.max`)).toBe(String(64 * MIB))
    expect(kernel.files.get(`${folder}/cpu.max`)).toBe('150000 100000')
    expect(kernel.files.get(`${folder}/pids.max`)).toBe('20')
    expect(group.usage()).toEqual({ cpuMs: 1500, memoryPeakBytes: 4096, oomKills: 2 })
    group.add(123)
    expect(kernel.files.get(`${folder}/cgroup.procs`)).toBe('123')
    kernel.files.set(`${folder}/cgroup.procs`, '')
    await group.remove()
    expect(kernel.files.has(`${folder}/cgroup.procs`)).toBe(false)
  })

  test('a group that holds us hands nothing down, so the new one stands beside it', () => {
    const kernel = unifiedKernel('/service/leaf')
    const group = createCgroup('job-1', all, kernel)
    expect(group.procsFiles).toEqual(['/sys/fs/cgroup/service/hypermesh-job-1/cgroup.procs'])
    expect(probeCgroups(kernel)).toEqual({
      available: true,
      value: { version: 'v2', memory: true, cpu: true, pids: true },
    })
  })

  test('a limit that the kernel does not take leaves no group without it', () => {
    const kernel = unifiedKernel('/')
    const write = (path: string, text: string): void => {
      if (path.endsWith('/cpu.max')) throw Object.assign(new Error('EINVAL'), { code: 'EINVAL' })
      kernel.write(path, text)
    }
    expect(() => createCgroup('job-1', all, { ...kernel, write })).toThrow(
      expect.objectContaining({ code: 'cgroup-unavailable' }),
    )
    expect(kernel.folders('/sys/fs/cgroup')).toEqual([])
  })

  test('a process of another pid namespace, listed as 0, does not end us in its stead', async () => {
    const kernel = unifiedKernel('/')
    const group = createCgroup('job-1', all, kernel)
    kernel.files.set(group.procsFiles[0] ?? '', '0\n')
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => true)
    await group.kill().catch(() => {})
    expect(kill).not.toHaveBeenCalled()
    kill.mockRestore()
  })

  test.each(['memory.max', 'cpu.max'])('but never so that our own %s is evaded', (file) => {
    const kernel = unifiedKernel('/service/leaf', { [file]: '1000000 100000' })
    expect(() => createCgroup('job-1', all, kernel)).toThrow(
      expect.objectContaining({ code: 'cgroup-unavailable' }),
    )
  })

  test('a limit whose controller is missing is refused, not left out', () => {
    const kernel = unifiedKernel('/')
    kernel.files.set('/sys/fs/cgroup/cgroup.controllers', 'cpu pids')
    expect(() => createCgroup('job-1', { memoryBytes: MIB }, kernel)).toThrow(
      'no memory controller',
    )
    expect(probeCgroups(kernel)).toMatchObject({ value: { memory: false, cpu: true, pids: true } })
  })
})

test.each(['', 'A', 'a/b', '../a', 'a.b', '-a', 'a'.repeat(65), 'a\0'])('%j is no name', (name) => {
  expect(() => createCgroup(name, {}, unifiedKernel('/'))).toThrow(
    expect.objectContaining({ code: 'invalid-argument' }),
  )
})

test.each([{ memoryBytes: 0 }, { memoryBytes: 1.5 }, { pids: -1 }, { cpuCores: Number.NaN }])(
  '%o is no limit',
  (wrong) => {
    expect(() => createCgroup('a', wrong, unifiedKernel('/'))).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
  },
)

test('a host without control groups says so', () => {
  expect(probeCgroups(readOnlyKernel({}))).toMatchObject({
    available: false,
    reason: 'no control groups are mounted',
  })
  expect(() => createCgroup('a', { pids: 1 }, readOnlyKernel({}))).toThrow(
    expect.objectContaining({ code: 'cgroup-unavailable' }),
  )
})

test('whatever the kernel files hold, the probe answers', () => {
  const line = fc.oneof(
    fc.string(),
    fc.constant('1 2 0:1 / /sys/fs/cgroup/x rw - cgroup cgroup rw,memory'),
    fc.constant('1 2 0:1 /a\\040b /sys/fs/cgroup rw - cgroup2 cgroup2 rw'),
    fc.constant('0::/../outside'),
    fc.constant('4:memory:/a:b/c'),
  )
  const file = fc.array(line, { maxLength: 8 }).map((lines) => lines.join('\n'))
  fc.assert(
    fc.property(file, file, (mounts, groups) => {
      const kernel = readOnlyKernel({ '/proc/self/mountinfo': mounts, '/proc/self/cgroup': groups })
      expect(probeCgroups(kernel).available).toBe(false)
    }),
  )
})
