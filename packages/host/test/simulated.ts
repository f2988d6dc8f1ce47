import type { KernelFiles } from '@hypermesh/host'

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** A kernel that has just these files and lets nobody change them. */
export function readOnlyKernel(files: Readonly<Record<string, string>>): KernelFiles {
  const refuse = (): never => {
    throw failure('EACCES')
  }
  return {
    read: (path) => files[path] ?? missing(),
    write: refuse,
    makeFolder: refuse,
    removeFolder: refuse,
    folders: () => [],
  }
}

function missing(): never {
  throw failure('ENOENT')
}

/**
 * A kernel with version 2 alone, which this machine may not be, and the rule that a group other than the root
 * cannot both hold processes and hand controllers down.
 */
export function unifiedKernel(
  own: string,
  settings: Readonly<Record<string, string>> = {},
): KernelFiles & { readonly files: Map<string, string> } {
  const mount = '/sys/fs/cgroup'
  const controllers = 'cpu memory pids'
  const files = new Map<string, string>([
    ['/proc/self/mountinfo', `30 1 0:26 / ${mount} rw shared:4 - cgroup2 cgroup2 rw,nsdelegate`],
    ['/proc/self/cgroup', `0::${own}\n`],
    [`${mount}/cgroup.procs`, ''],
    [`${mount}/cgroup.controllers`, controllers],
    [`${mount}/cgroup.subtree_control`, ''],
  ])
  let folder = mount
  for (const part of own.split('/').filter((each) => each !== '')) {
    folder += `/${part}`
    files.set(`${folder}/cgroup.procs`, '')
    files.set(`${folder}/cgroup.controllers`, controllers)
    files.set(`${folder}/cgroup.subtree_control`, '')
  }
  files.set(`${folder}/cgroup.procs`, '77\n')
  for (const [name, text] of Object.entries(settings)) files.set(`${folder}/${name}`, text)

  return {
    files,
    read: (path) => files.get(path) ?? missing(),
    write: (path, text) => {
      if (!files.has(path)) missing()
      const parent = path.slice(0, path.lastIndexOf('/'))
      const holds = (files.get(`${parent}/cgroup.procs`) ?? '') !== ''
      if (path.endsWith('/cgroup.subtree_control')) {
        if (holds && parent !== mount) throw failure('EBUSY')
        files.set(path, text.replaceAll('+', ''))
      } else files.set(path, text)
    },
    makeFolder: (path) => {
      if (files.has(`${path}/cgroup.procs`)) throw failure('EEXIST')
      const parent = path.slice(0, path.lastIndexOf('/'))
      files.set(`${path}/cgroup.procs`, '')
      files.set(`${path}/cgroup.kill`, '')
      files.set(`${path}/cpu.stat`, 'usage_usec 1500000\nuser_usec 1000000\n')
      const enabled = files.get(`${parent}/cgroup.subtree_control`) ?? ''
      if (enabled.includes('memory')) {
        files.set(`${path}/memory.max`, 'max')
        files.set(`${path}/memory.peak`, '4096')
        files.set(`${path}/memory.events`, 'low 0\noom 3\noom_kill 2\n')
      }
      if (enabled.includes('cpu')) files.set(`${path}/cpu.max`, 'max 100000')
      if (enabled.includes('pids')) files.set(`${path}/pids.max`, 'max')
    },
    folders: (path) => {
      const procs = [...files.keys()].filter((name) => name.endsWith('/cgroup.procs'))
      const groups = procs.map((name) => name.slice(0, -'/cgroup.procs'.length))
      const below = groups.filter((group) => group.startsWith(`${path}/`))
      return below
        .map((group) => group.slice(path.length + 1))
        .filter((name) => !name.includes('/'))
    },
    removeFolder: (path) => {
      if (!files.has(`${path}/cgroup.procs`)) missing()
      if (files.get(`${path}/cgroup.procs`) !== '') throw failure('EBUSY')
      for (const name of files.keys()) if (name.startsWith(`${path}/`)) files.delete(name)
    },
  }
}
