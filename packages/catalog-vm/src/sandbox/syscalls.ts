/**
 * What an interpreter needs of the kernel: memory, files it can see, threads, time, pipes. Each name with its number on
 * x86-64 (Linux arch/x86/entry/syscalls/syscall_64.tbl) and on arm64 (include/uapi/asm-generic/unistd.h; `-` where the
 * call does not exist). Not among them, so refused: new processes, sockets of any network, mounts, namespaces, keys,
 * tracing, bpf, io_uring, and memory that no resource limit counts (memfd_create, shmget).
 */
const TABLE = `
read 0 63, write 1 64, close 3 57, fstat 5 80, lseek 8 62, mmap 9 222, mprotect 10 226, munmap 11 215,
brk 12 214, mremap 25 216, msync 26 227, mincore 27 232, madvise 28 233, membarrier 324 283, pkey_alloc 330 289,
pkey_free 331 290, pkey_mprotect 329 288, rt_sigaction 13 134, rt_sigprocmask 14 135, rt_sigreturn 15 139,
rt_sigpending 127 136, rt_sigsuspend 130 133, rt_sigtimedwait 128 137, sigaltstack 131 132, kill 62 129,
tgkill 234 131, restart_syscall 219 128, pause 34 -, alarm 37 -, getitimer 36 102, setitimer 38 103,
pread64 17 67, pwrite64 18 68, readv 19 65, writev 20 66, preadv 295 69, pwritev 296 70, sendfile 40 71,
copy_file_range 326 285, fadvise64 221 223, fallocate 285 47, open 2 -, openat 257 56, openat2 437 437,
creat 85 -, close_range 436 436, access 21 -, faccessat 269 48, faccessat2 439 439, stat 4 -, lstat 6 -,
newfstatat 262 79, statx 332 291, statfs 137 43, fstatfs 138 44, getdents 78 -, getdents64 217 61, getcwd 79 17,
chdir 80 49, fchdir 81 50, mkdir 83 -, mkdirat 258 34, rmdir 84 -, unlink 87 -, unlinkat 263 35, rename 82 -,
renameat 264 38, renameat2 316 276, link 86 -, linkat 265 37, symlink 88 -, symlinkat 266 36, readlink 89 -,
readlinkat 267 78, chmod 90 -, fchmod 91 52, fchmodat 268 53, umask 95 166, truncate 76 45, ftruncate 77 46,
utimensat 280 88, utimes 235 -, fsync 74 82, fdatasync 75 83, flock 73 32, fcntl 72 25, dup 32 23, dup2 33 -,
dup3 292 24, pipe 22 -, pipe2 293 59, eventfd2 290 19, timerfd_create 283 85, timerfd_settime 286 86,
timerfd_gettime 287 87, poll 7 -, ppoll 271 73, select 23 -, pselect6 270 72, epoll_create 213 -,
epoll_create1 291 20, epoll_ctl 233 21, epoll_wait 232 -, epoll_pwait 281 22, epoll_pwait2 441 441,
socketpair 53 199, sendto 44 206, recvfrom 45 207, sendmsg 46 211, recvmsg 47 212, shutdown 48 210,
getsockname 51 204, getpeername 52 205, getsockopt 55 209, setsockopt 54 208, execve 59 221, exit 60 93,
exit_group 231 94, wait4 61 260, waitid 247 95, set_tid_address 218 96, set_robust_list 273 99,
get_robust_list 274 100, futex 202 98, rseq 334 293, sched_yield 24 124, sched_getaffinity 204 123,
sched_setaffinity 203 122, sched_getparam 143 121, sched_getscheduler 145 120, sched_get_priority_max 146 125,
sched_get_priority_min 147 126, getcpu 309 168, getpid 39 172, getppid 110 173, gettid 186 178, getuid 102 174,
geteuid 107 175, getgid 104 176, getegid 108 177, getresuid 118 148, getresgid 120 150, getgroups 115 158,
getpgrp 111 -, getpgid 121 155, getsid 124 156, getrlimit 97 163, setrlimit 160 164, prlimit64 302 261,
getrusage 98 165, times 100 153, sysinfo 99 179, uname 63 160, getrandom 318 278, arch_prctl 158 -,
nanosleep 35 101, clock_gettime 228 113, clock_getres 229 114, clock_nanosleep 230 115, gettimeofday 96 169,
time 201 -, timer_create 222 107, timer_settime 223 110, timer_gettime 224 108, timer_getoverrun 225 109,
timer_delete 226 111`

/** The machines the filter is made for. */
export type Machine = 'x64' | 'arm64'

/** The numbers of the calls that are always allowed, ascending. */
export function allowedCalls(machine: Machine): readonly number[] {
  const column = machine === 'x64' ? 1 : 2
  return TABLE.split(',')
    .map((entry) => entry.trim().split(' ')[column])
    .filter((number) => number !== '-')
    .map(Number)
    .toSorted((a, b) => a - b)
}

/** The numbers of the calls that depend on an argument. */
export const JUDGED_CALLS: Readonly<
  Record<Machine, Readonly<Record<'clone' | 'clone3' | 'ioctl' | 'prctl', number>>>
> = {
  x64: { clone: 56, clone3: 435, ioctl: 16, prctl: 157 },
  arm64: { clone: 220, clone3: 435, ioctl: 29, prctl: 167 },
}
