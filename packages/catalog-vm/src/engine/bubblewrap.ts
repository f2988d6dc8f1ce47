import { findProgram } from '@hypermesh/host'
import type { Runtime } from '../language/runtime.ts'
import { lifeline, prlimit } from '../sandbox/rlimits.ts'
import { seccompFilter } from '../sandbox/seccomp.ts'
import type { View } from '../sandbox/view.ts'
import { DEVICES, SCRATCH_BYTES } from '../sandbox/view.ts'
import type { Wrapping } from './sandboxed.ts'

// Users and groups of the job: nobody, in a namespace where nobody else exists.
const NOBODY = '65534'

// bwrap reads the filter from a descriptor, and one that a shell makes needs no file: printf writes into a pipe, which
// becomes descriptor 4. Everything arrives as positional parameters; none of it is read as shell.
const WITH_FILTER = `filter=$1; shift
exec 3<&0
printf "$filter" | { exec 4<&0 0<&3 3<&-; exec "$@"; }`

/** Programs in namespaces made by bubblewrap, behind a seccomp filter. */
export function bubblewrap(view: View): Wrapping {
  const bwrap = findProgram('bwrap')
  const limiter = findProgram('prlimit')
  const setpriv = findProgram('setpriv')
  const filter = seccompFilter(process.arch)
  const missing = [
    ...(bwrap === undefined ? ['no bwrap on PATH'] : []),
    ...(limiter === undefined ? ['no prlimit on PATH'] : []),
    ...(setpriv === undefined ? ['no setpriv on PATH'] : []),
    ...(filter === undefined ? [`no seccomp filter for ${process.arch}`] : []),
  ]
  return {
    isolation: 'kernel',
    engine: 'bubblewrap',
    hasFilter: true,
    missing,
    remedy:
      'install bubblewrap and util-linux (Debian: apt install bubblewrap), and allow user namespaces',
    env: {},
    wrap: (runtime, command, limits) => {
      const inside = [...prlimit(limiter ?? 'prlimit', limits), ...command]
      const argv = [bwrap ?? 'bwrap', ...confinement(view, runtime), '--', ...inside]
      const code = octal(filter ?? new Uint8Array())
      return [
        ...lifeline(setpriv ?? 'setpriv'),
        '/bin/sh',
        '-c',
        WITH_FILTER,
        'sandbox',
        code,
        ...argv,
      ]
    },
  }
}

function confinement(view: View, runtime: Runtime): readonly string[] {
  const binds = [...view.binds, ...runtime.binds]
  return [
    '--unshare-user',
    '--uid',
    NOBODY,
    '--gid',
    NOBODY,
    '--unshare-pid',
    '--unshare-net',
    '--unshare-ipc',
    '--unshare-uts',
    '--unshare-cgroup-try',
    '--hostname',
    'sandbox',
    '--die-with-parent',
    '--cap-drop',
    'ALL',
    ...Object.entries(runtime.environment).flatMap(([name, value]) => ['--setenv', name, value]),
    // Before the rest: an interpreter may live under /tmp.
    '--size',
    String(SCRATCH_BYTES),
    '--tmpfs',
    '/tmp',
    ...binds.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...view.links.flatMap(({ path, to }) => ['--symlink', to, path]),
    ...DEVICES.flatMap((device) => ['--dev-bind', device, device]),
    // No /proc: its first process is bwrap, whose arguments name paths of the host.
    '--remount-ro',
    '/',
    '--chdir',
    '/tmp',
    '--seccomp',
    '4',
  ]
}

function octal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
}
