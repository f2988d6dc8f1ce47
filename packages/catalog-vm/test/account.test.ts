import { readFileSync, readlinkSync } from 'node:fs'
import { openCatalog } from '@hypermesh/catalog-vm'
import {
  simulatedClock,
  simulatedLeases,
  simulatedMounts,
  simulatedProofs,
  simulatedReceipts,
} from '@hypermesh/catalog-vm/testing'
import { generateSigningKey } from '@hypermesh/crypto'
import { probeCgroups } from '@hypermesh/host'
import { expect, test } from 'vitest'
import { busy, eventually } from './processes.ts'

// What the kernel itself says of the process of a program that runs: each line here is a rule of the sandbox.
interface Account {
  readonly namespaces: readonly string[]
  readonly environment: readonly string[]
  readonly command: readonly string[]
  readonly status: Readonly<Record<string, string>>
  readonly limits: Readonly<Record<string, string>>
  readonly writable: readonly string[]
  readonly groups: string
}

const KINDS = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'] as const

function accountOf(pid: number): Account {
  const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8')
  const lines = (name: string): readonly string[] => read(name).trim().split('\n')
  const foreign = (kind: string): boolean =>
    readlinkSync(`/proc/${pid}/ns/${kind}`) !== readlinkSync(`/proc/self/ns/${kind}`)
  const mounts = lines('mountinfo').map((line) => line.split(' '))
  return {
    namespaces: KINDS.filter(foreign),
    environment: read('environ')
      .split('\0')
      .filter((each) => each !== '' && each !== 'PWD=/tmp'),
    command: read('cmdline').split('\0'),
    status: Object.fromEntries(lines('status').map((line) => line.split(/:\s+/))),
    limits: Object.fromEntries(lines('limits').map((line) => line.split(/\s{2,}/))),
    writable: mounts
      .filter(([, , , , , options]) => !options?.includes('ro'))
      .map((mount) => mount[4] ?? ''),
    groups: read('cgroup'),
  }
}

async function accountAt(level: 'kernel' | 'namespace' | 'isolate'): Promise<Account | undefined> {
  const catalog = await openCatalog({
    executor: generateSigningKey('ed25519'),
    leases: simulatedLeases(),
    mounts: simulatedMounts(),
    proofs: simulatedProofs(),
    receipts: simulatedReceipts(),
    clock: simulatedClock(),
    levels: [level],
  })
  if (!catalog.engines[0]?.isAvailable) {
    process.stdout.write(`skipped: ${level}: ${catalog.engines[0]?.reasons.join('; ')}\n`)
    return undefined
  }
  const program = { language: 'javascript', source: 'function main() { for (;;); }' } as const
  const limits = { wallMs: 20_000, memoryBytes: 2 ** 26, outputMax: 0 }
  const given = new AbortController()
  const running = catalog.execute(program, new Uint8Array(0), limits, level, given)
  try {
    await eventually(() => busy(process.pid) !== undefined)
    return accountOf(busy(process.pid) ?? 0)
  } finally {
    given.abort()
    await running
  }
}

const groups = probeCgroups()
const devices = new Set(['/dev/null', '/dev/random', '/dev/urandom', '/dev/zero'])

test.each(['kernel', 'namespace'] as const)(
  'what the kernel says of a program in a sandbox (%s)',
  async (level) => {
    const account = await accountAt(level)
    if (account === undefined) return
    expect(account.namespaces).toEqual(KINDS)
    expect(account.environment).toEqual(['TZ=UTC'])
    expect(account.status).toMatchObject({
      CapInh: '0000000000000000',
      CapPrm: '0000000000000000',
      CapEff: '0000000000000000',
      CapBnd: '0000000000000000',
      CapAmb: '0000000000000000',
      NoNewPrivs: '1',
      Seccomp: level === 'kernel' ? '2' : '0',
    })
    expect(account.writable.filter((path) => !devices.has(path))).toEqual(['/tmp'])
    expectLimits(account)
    if (level === 'namespace') expect(account.limits['Max processes']).toBe('64')
  },
)

test('what the kernel says of a program in a V8 isolate', async () => {
  const account = await accountAt('isolate')
  if (account === undefined) return
  expect(account.environment).toEqual(['TZ=UTC'])
  expectLimits(account)
})

function expectLimits({ command, limits, groups: memberships }: Account): void {
  // Node's own permissions: no children, no writing, no reading but of the harness.
  expect(command).toContain('--permission')
  expect(command.filter((word) => /^--allow-(child|fs-write|worker|wasi)/.test(word))).toEqual([])
  const data = Number(limits['Max data size'])
  expect(data).toBeGreaterThan(2 ** 26)
  expect(data).toBeLessThan(2 ** 31)
  expect(limits).toMatchObject({
    'Max cpu time': '21',
    'Max file size': String(2 ** 24),
    'Max open files': '256',
    'Max core file size': '0',
    'Max stack size': String(2 ** 23),
  })
  if (groups.available) expect(memberships).toContain(`hypermesh-job-${process.pid}-`)
}
