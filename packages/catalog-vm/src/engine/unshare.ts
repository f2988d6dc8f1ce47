import { findProgram } from '@hypermesh/host'
import type { Runtime } from '../language/runtime.ts'
import { lifeline, prlimit, TASKS_MAX } from '../sandbox/rlimits.ts'
import type { View } from '../sandbox/view.ts'
import { DEVICES, SCRATCH_BYTES } from '../sandbox/view.ts'
import type { Wrapping } from './sandboxed.ts'

// Runs as the first process of new namespaces: builds a root of read-only binds, leaves the old one, gives up every
// capability, and starts the program. It is built over /sys, which is there on any Linux and needed by nothing here;
// only these namespaces see that. Parameters: size of /tmp, number of links, (path, target) each, number of binds,
// (source, target) each, then the command.
const BUILD = `set -eu
size=$1; shift
mount -t tmpfs -o size=64k,mode=755,nosuid,nodev cover /sys
mkdir /sys/root
mount -t tmpfs -o size=1m,mode=755,nosuid,nodev root /sys/root
cd /sys/root
mkdir dev tmp old proc
mount -t tmpfs -o "size=$size,mode=1777,nosuid,nodev" scratch tmp
count=$1; shift
while [ "$count" -gt 0 ]; do ln -s "$2" ".$1"; shift 2; count=$((count - 1)); done
count=$1; shift
while [ "$count" -gt 0 ]; do
  if [ -d "$1" ]; then mkdir -p ".$2"; else mkdir -p ".\${2%/*}"; : > ".$2"; fi
  mount --rbind "$1" ".$2"
  shift 2; count=$((count - 1))
done
while read -r _ _ _ _ point _; do
  case $point in
    /sys/root/dev/* | /sys/root/tmp) ;;
    /sys/root/*) mount -o remount,bind,ro,nosuid,nodev "$point" ;;
  esac
done < /proc/self/mountinfo
echo 0 > /proc/sys/user/max_user_namespaces
mount --rbind /proc proc
pivot_root . old
umount -l /old
umount -l /proc
rmdir /old /proc
mount -o remount,bind,ro /
cd /tmp
env -i "$@"`

// What makes the namespaces, and what gives up everything in them.
const ENTER =
  'unshare --user --map-root-user --mount --pid --fork --kill-child --net --ipc --uts --cgroup'
const LEAVE = 'setpriv --no-new-privs --bounding-set=-all --inh-caps=-all'

const FOLDERS = ['/usr/sbin', '/usr/bin', '/sbin', '/bin']
const PROGRAMS = ['unshare', 'setpriv', 'prlimit', 'mount', 'umount', 'pivot_root', 'env']

/** Programs in namespaces made by util-linux alone. There is no filter of system calls. */
export function unshare(view: View): Wrapping {
  const absent = PROGRAMS.filter((name) => find(name) === undefined)
  return {
    isolation: 'namespace',
    engine: 'unshare',
    hasFilter: false,
    missing: absent.map((name) => `no ${name} in ${FOLDERS.join(', ')}`),
    remedy: 'install util-linux, and allow user namespaces (sysctl user.max_user_namespaces)',
    env: { PATH: FOLDERS.join(':') },
    wrap: (runtime, command, limits) => [
      ...lifeline(find('setpriv') ?? 'setpriv'),
      ...ENTER.split(' '),
      '/bin/sh',
      '-c',
      BUILD,
      'sandbox',
      ...layout(view, runtime),
      ...Object.entries(runtime.environment).map(([name, value]) => `${name}=${value}`),
      ...LEAVE.split(' '),
      ...prlimit('prlimit', { ...limits, tasks: TASKS_MAX }),
      ...command,
    ],
  }
}

function find(name: string): string | undefined {
  return FOLDERS.map((folder) => findProgram(`${folder}/${name}`)).find(
    (path) => path !== undefined,
  )
}

function layout(view: View, runtime: Runtime): readonly string[] {
  const devices = DEVICES.map((device) => ({ source: device, target: device }))
  const binds = [...view.binds, ...runtime.binds, ...devices]
  return [
    String(SCRATCH_BYTES),
    String(view.links.length),
    ...view.links.flatMap(({ path, to }) => [path, to]),
    String(binds.length),
    ...binds.flatMap(({ source, target }) => [source, target]),
  ]
}
