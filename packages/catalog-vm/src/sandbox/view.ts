import { lstatSync, readlinkSync } from 'node:fs'

/** A file or folder of the host that is there in a sandbox, read-only. */
export interface Bind {
  readonly source: string
  readonly target: string
}

/** What of the host's system a sandbox shows: its programs and libraries, and nothing anybody wrote there since. */
export interface View {
  readonly binds: readonly Bind[]
  readonly links: readonly { readonly path: string; readonly to: string }[]
}

/** Where a sandbox puts what is ours: the interpreter and its harness. */
export const RUNTIME_FOLDER = '/runtime'

/** The devices a sandbox has. */
export const DEVICES: readonly string[] = ['/dev/null', '/dev/zero', '/dev/random', '/dev/urandom']

/** Bytes a program may write to /tmp, its only writable folder. They are memory. */
export const SCRATCH_BYTES: number = 2 ** 24

// On a merged-usr system all but the first are links into it. /etc/alternatives is where Debian's /usr points back to.
const SYSTEM = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc/alternatives']

/** Read once: a host does not move its libraries while it runs. */
export function hostView(): View {
  const binds: Bind[] = []
  const links: { path: string; to: string }[] = []
  for (const path of SYSTEM) {
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found?.isSymbolicLink()) links.push({ path, to: readlinkSync(path) })
    else if (found?.isDirectory()) binds.push({ source: path, target: path })
  }
  return { binds, links }
}
