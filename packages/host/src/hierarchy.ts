import type { KernelFiles } from './kernel.ts'
import { readIfThere } from './kernel.ts'

/** One mounted tree of control groups, and where this process stands in it. */
export interface Hierarchy {
  readonly version: 1 | 2
  readonly controllers: ReadonlySet<string>
  readonly mount: string
  /** The folder of the group this process is in. */
  readonly own: string
}

/** The trees this process can see: one for each controller in v1, one for all in v2, both in hybrid. */
export function hierarchies(files: KernelFiles): readonly Hierarchy[] {
  const mounts = readIfThere(files, '/proc/self/mountinfo') ?? ''
  const groups = readIfThere(files, '/proc/self/cgroup') ?? ''
  const found: Hierarchy[] = []
  for (const line of mounts.split('\n')) {
    const mount = parseMount(line)
    if (mount === undefined || found.some((each) => each.mount === mount.point)) continue
    if (mount.type === 'cgroup2') {
      const own = folderOf(
        mount,
        groupPath(groups, (names) => names === ''),
        files,
      )
      const controllers = readIfThere(files, `${own}/cgroup.controllers`) ?? ''
      found.push({ version: 2, controllers: wordsOf(controllers), mount: mount.point, own })
    } else {
      const names = new Set(mount.options.split(','))
      const path = groupPath(groups, (text) => text.split(',').some((name) => names.has(name)))
      const own = folderOf(mount, path, files)
      found.push({ version: 1, controllers: names, mount: mount.point, own })
    }
  }
  return found
}

/** A group's folders from its own up to the root of its tree: a limit on any of them binds. */
export function ancestors({ mount, own }: Hierarchy): readonly string[] {
  const folders = [own]
  let folder = own
  while (folder !== mount && folder.startsWith(`${mount}/`)) {
    folder = folder.slice(0, folder.lastIndexOf('/'))
    folders.push(folder)
  }
  return folders
}

export function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/).filter((word) => word !== ''))
}

interface Mount {
  readonly root: string
  readonly point: string
  readonly type: 'cgroup' | 'cgroup2'
  readonly options: string
}

// proc(5), /proc/pid/mountinfo: "id parent dev root point options [optional...] - type source superoptions".
function parseMount(line: string): Mount | undefined {
  const [before, after] = line.split(' - ')
  const [, , , root, point] = before?.split(' ') ?? []
  const [type, , options] = after?.split(' ') ?? []
  if (root === undefined || point === undefined || options === undefined) return undefined
  if (type !== 'cgroup' && type !== 'cgroup2') return undefined
  return { root: unescape(root), point: unescape(point), type, options }
}

// Spaces and backslashes in a path are written as three octal digits.
function unescape(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  )
}

// cgroups(7), /proc/pid/cgroup: "id:controllers:path", where v2 is the line "0::path".
function groupPath(groups: string, matches: (controllers: string) => boolean): string {
  for (const line of groups.split('\n')) {
    const [, controllers, ...path] = line.split(':')
    if (controllers !== undefined && matches(controllers)) return path.join(':')
  }
  return '/'
}

// In a container the path may be the host's, which is not below the mount we see: then the mount is where we are.
function folderOf(mount: Mount, path: string, files: KernelFiles): string {
  const below = mount.root === '/' ? path : path.replace(mount.root, '')
  if (below === '/' || below === '' || !below.startsWith('/')) return mount.point
  const folder = mount.point + below
  const isThere = readIfThere(files, `${folder}/cgroup.procs`) !== undefined
  return isThere && !below.startsWith('/..') ? folder : mount.point
}
