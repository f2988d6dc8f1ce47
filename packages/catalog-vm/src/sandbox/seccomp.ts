// The filter that the kernel runs before each system call: classic BPF over struct seccomp_data (seccomp(2)), assembled
// here so that no compiler or library has to be on the host.
import type { Machine } from './syscalls.ts'
import { allowedCalls, JUDGED_CALLS } from './syscalls.ts'

// linux/bpf_common.h
const LOAD = 0x20
const IF_EQUAL = 0x15
const IF_GREATER = 0x25
const IF_AT_LEAST = 0x35
const IF_ANY_BIT = 0x45
const RETURN = 0x06

// linux/seccomp.h
const KILL = 0x8000_0000
const ALLOW = 0x7fff_0000
const EPERM = 0x0005_0001
const ENOSYS = 0x0005_0026

// struct seccomp_data: nr, arch, instruction_pointer, args[6]; the low half of an argument comes first.
const NUMBER = 0
const ARCHITECTURE = 4
const argument = (index: number): number => 16 + 8 * index

// linux/audit.h
const ARCHITECTURES: Readonly<Record<Machine, number>> = { x64: 0xc000_003e, arm64: 0xc000_00b7 }

// x32 shares the architecture of x86-64 and sets this bit in the number.
const X32 = 0x4000_0000

// linux/sched.h
const CLONE_THREAD = 0x0001_0000

// Ask about a terminal, set a descriptor's flags. Not TIOCSTI, which types into the terminal outside.
const IOCTLS = [0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451, 0x802c_542a]

// PR_SET_NAME, PR_GET_NAME, PR_SET_VMA: names of threads and mappings.
const PRCTLS = [15, 16, 0x5356_4d41]

type Instruction = readonly [code: number, ifTrue: number, ifFalse: number, value: number]

const give = (value: number): Instruction => [RETURN, 0, 0, value]
const load = (offset: number): Instruction => [LOAD, 0, 0, offset]

/** Bytes for `bwrap --seccomp`; undefined on a machine whose numbers are not in the table. */
export function seccompFilter(architecture: string): Uint8Array | undefined {
  if (architecture !== 'x64' && architecture !== 'arm64') return undefined
  return assembled([
    load(ARCHITECTURE),
    [IF_EQUAL, 1, 0, ARCHITECTURES[architecture]],
    give(KILL),
    load(NUMBER),
    ...(architecture === 'x64' ? [[IF_AT_LEAST, 0, 1, X32] as const, give(KILL)] : []),
    ...judged(architecture),
    ...ranges(allowedCalls(architecture)).flatMap(allowRange),
    give(EPERM),
  ])
}

function judged(machine: Machine): readonly Instruction[] {
  const { clone, clone3, ioctl, prctl } = JUDGED_CALLS[machine]
  return [
    // Threads, but no processes: so a limit of the process is a limit of the job.
    ...onCall(clone, [
      load(argument(0)),
      [IF_ANY_BIT, 0, 1, CLONE_THREAD],
      give(ALLOW),
      give(EPERM),
    ]),
    // Its flags lie in memory, where a filter cannot look; the C library then uses clone.
    ...onCall(clone3, [give(ENOSYS)]),
    ...onCall(ioctl, oneOf(argument(1), IOCTLS)),
    ...onCall(prctl, oneOf(argument(0), PRCTLS)),
  ]
}

function onCall(number: number, then: readonly Instruction[]): readonly Instruction[] {
  return [[IF_EQUAL, 0, then.length, number], ...then]
}

function oneOf(offset: number, values: readonly number[]): readonly Instruction[] {
  const allow = values.flatMap((value) => [[IF_EQUAL, 0, 1, value] as const, give(ALLOW)])
  return [load(offset), ...allow, give(EPERM)]
}

interface Range {
  readonly first: number
  last: number
}

function ranges(numbers: readonly number[]): readonly Range[] {
  const found: Range[] = []
  for (const number of numbers) {
    const open = found.at(-1)
    if (open?.last === number - 1) open.last = number
    else found.push({ first: number, last: number })
  }
  return found
}

function allowRange({ first, last }: Range): readonly Instruction[] {
  return [[IF_AT_LEAST, 0, 2, first], [IF_GREATER, 1, 0, last], give(ALLOW)]
}

// struct sock_filter: code (16 bits), jt, jf, k (32 bits), in the machine's order, which is little-endian on both.
function assembled(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [index, [code, ifTrue, ifFalse, value]] of instructions.entries()) {
    view.setUint16(index * 8, code, true)
    view.setUint8(index * 8 + 2, ifTrue)
    view.setUint8(index * 8 + 3, ifFalse)
    view.setUint32(index * 8 + 4, value, true)
  }
  return bytes
}
