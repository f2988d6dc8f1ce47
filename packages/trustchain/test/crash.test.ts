import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { signingKeyFromSeed } from '@hypermesh/crypto'
import { entryCodec, fileKeys, journalLedger, openAuthority } from '@hypermesh/trustchain'
import type { Authority, JournalLedger } from '@hypermesh/trustchain'
import { memoryLedger } from '@hypermesh/trustchain/testing'
import { describe, expect, test } from 'vitest'
import { DAY, START, certify, folder, ground, request, verify } from './mesh.ts'

const program = fileURLToPath(new URL('crash.ts', import.meta.url))
const cost = { memoryKib: 8_192, passes: 1, lanes: 1 }

/** Runs `crash.ts`, which kills itself with SIGKILL where it is told to; resolves with the signal it ended by. */
async function runUntilKilled(path: string, where: string): Promise<string | null> {
  const flags = ['--disable-warning=ExperimentalWarning', '--conditions=@hypermesh/source']
  const child = spawn(process.execPath, [...flags, program, path, where], { stdio: 'inherit' })
  await once(child, 'exit')
  return child.signalCode
}

async function reopen(
  path: string,
  at = START,
): Promise<AsyncDisposable & { authority: Authority; ledger: JournalLedger }> {
  const ledger = journalLedger({ file: join(path, 'ledger.db') })
  const authority = await openAuthority({
    file: join(path, 'authority.db'),
    keys: fileKeys({ directory: join(path, 'keys'), passphrase: 'p', cost }),
    ledger,
    clock: { now: () => at },
    mesh: 'flights',
  })
  return {
    authority,
    ledger,
    [Symbol.asyncDispose]: async () => {
      await authority[Symbol.asyncDispose]()
      await ledger[Symbol.asyncDispose]()
    },
  }
}

function issuedOn(ledger: JournalLedger): string[] {
  return [...ledger.entries()].flatMap((entry) => {
    const decoded = entryCodec.decode(entry)
    return decoded.ok && decoded.value.body.type === 'issued' ? decoded.value.body.name : []
  })
}

describe('killed in the middle of issuing', () => {
  test.each(['before-ledger', 'after-ledger'])('%s: the intent is completed', async (where) => {
    using here = folder()
    expect(await runUntilKilled(here.path, where)).toBe('SIGKILL')
    await using again = await reopen(here.path)
    const { authority, ledger } = again
    expect(authority.issued().map(({ name }) => name)).toEqual(['node-1'])
    expect(issuedOn(ledger)).toEqual(where === 'before-ledger' ? ['node-1'] : ['node-1', 'node-2'])
    expect(await authority.settle()).toEqual({ completed: 1, voided: 0, waiting: 0 })
    // One entry, one certificate; the node that asks again gets it.
    expect(issuedOn(ledger)).toEqual(['node-1', 'node-2'])
    const [, completed] = authority.issued()
    const key = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(2))
    const { chain, serial } = await certify(authority, 'node-2', key)
    expect([serial, chain[0]]).toEqual([completed?.serial, completed?.certificate])
    expect((await verify(chain, authority)).ok).toBe(true)
  })

  test('and woken after its time: the intent is void, and its name free', async () => {
    using here = folder()
    await runUntilKilled(here.path, 'after-ledger')
    await using again = await reopen(here.path, START + 31n * DAY)
    const { authority } = again
    expect(await authority.settle()).toEqual({ completed: 0, voided: 1, waiting: 0 })
    expect(authority.issued().map(({ name }) => name)).toEqual(['node-1'])
    await certify(authority, 'node-2')
    expect(await authority.issue(request('node-1'))).toMatchObject({
      refusal: { code: 'name-taken' },
    })
  })

  test('between founding and the first issue: the root stays the same', async () => {
    using here = folder()
    expect(await runUntilKilled(here.path, 'after-store')).toBe('SIGKILL')
    await using first = await reopen(here.path)
    const { root } = first.authority
    await first[Symbol.asyncDispose]()
    await using again = await reopen(here.path)
    expect(again.authority.root).toEqual(root)
  })
})

describe('a ledger that fails', () => {
  test.each(['before', 'after'] as const)(
    '%s taking an entry: asking again completes',
    async (when) => {
      using here = ground()
      await using authority = await here.open()
      await certify(authority, 'node-1')
      const key = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(3))
      here.ledger.fail(when)
      await expect(authority.issue(request('node-2', key))).rejects.toMatchObject({
        code: 'ledger-unavailable',
      })
      expect(authority.issued()).toHaveLength(1)
      expect(await authority.settle()).toMatchObject({ waiting: 1 })
      // Meanwhile the name is not given to anyone else.
      expect(await authority.issue(request('node-2'))).toMatchObject({
        refusal: { code: 'name-taken' },
      })
      here.ledger.fail(false)
      const { chain } = await certify(authority, 'node-2', key)
      expect((await verify(chain, authority)).ok).toBe(true)
      expect(here.ledger.entries).toHaveLength(3)
    },
  )

  test('and a clock that was set back: what cannot be signed yet waits, and nothing waits for it', async () => {
    using here = ground()
    await using authority = await here.open()
    await certify(authority, 'node-1')
    here.ledger.fail('before')
    await expect(authority.issue(request('node-2'))).rejects.toThrow()
    here.ledger.fail(false)
    here.clock.at = START - DAY / 2n
    expect(await authority.settle()).toEqual({ completed: 0, voided: 0, waiting: 1 })
    here.clock.at = START
    await certify(authority, 'node-3')
    expect(authority.issued().map(({ name }) => name)).toEqual(['node-1', 'node-2', 'node-3'])
  })

  test('in the middle of a replay and then the process ends: the old one is in use', async () => {
    using here = ground()
    const authority = await here.open()
    await certify(authority, 'node-1')
    const next = memoryLedger()
    next.fail('after')
    await expect(authority.setLedger(next)).rejects.toMatchObject({ code: 'replay-failed' })
    await authority[Symbol.asyncDispose]()
    await using again = await here.open()
    expect(again.entries().map(({ position }) => position)).toEqual([0n, 1n])
    next.fail(false)
    await again.setLedger(next)
    expect(next.entries).toEqual(here.ledger.entries)
  })
})

const limit = process.platform === 'linux' ? false : 'file size limits are set with ulimit'

test.skipIf(limit)(
  `a disk that is full is said so, and nothing is lost${limit ? `: ${limit}` : ''}`,
  async () => {
    using here = folder()
    mkdirSync(join(here.path, 'keys'), { mode: 0o700 })
    const flags = '--disable-warning=ExperimentalWarning --conditions=@hypermesh/source'
    // 256 blocks of 512 bytes: the store's log hits the limit after a few certificates.
    const script = `ulimit -f 256; exec ${process.execPath} ${flags} ${program} ${here.path} full`
    const child = spawn('/bin/sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    await once(child, 'close')
    const [code, count] = output.trim().split(' ')
    expect(code).toBe('store-unwritable')
    await using again = await reopen(here.path)
    await again.authority.settle()
    expect(again.authority.issued().length).toBeGreaterThanOrEqual(Number(count))
    await certify(again.authority, 'after')
  },
)
