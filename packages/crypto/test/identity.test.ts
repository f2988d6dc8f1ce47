/* oxlint-disable typescript/no-unsafe-type-assertion -- The files read are our own. */
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  PASSPHRASE_COST_MIN,
  concat,
  createIdentity,
  fromHex,
  generateIdentity,
  openIdentity,
  sha256,
  toHex,
  verify,
  verifySignature,
} from '@hypermesh/crypto'
import type { Identity } from '@hypermesh/crypto'
import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'

const passphrase = 'tall oak, red door'
const cost = PASSPHRASE_COST_MIN
const message = new Uint8Array([1, 2, 3])

const earlier = JSON.parse(
  readFileSync(new URL('vectors/identity.json', import.meta.url), 'utf8'),
) as Record<'file' | 'passphrase' | 'ed25519' | 'mlDsa65Sha256' | 'falcon1024Sha256', string>

let folder: string
let file: string
let identity: Identity
let bytes: Uint8Array

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'identity-'))
  file = join(folder, 'keys', 'node.identity')
  identity = await createIdentity({ file, passphrase, cost })
  bytes = new Uint8Array(await readFile(file))
})
afterAll(async () => {
  await identity.close()
  await rm(folder, { recursive: true, force: true })
})

const code = (name: string): unknown => expect.objectContaining({ code: name })
let copies = 0
/** A file with these bytes, each in a directory of its own. */
async function kept(content: Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder, `copy-${copies++}`, 'node.identity')
  await mkdir(join(path, '..'), { mode: 0o700 })
  await writeFile(path, content, { mode })
  return path
}

test('an identity opens again with the same three keys', async () => {
  await using again = await openIdentity({ file, passphrase })
  expect(again.public).toEqual(identity.public)
  const { ed25519, mlDsa65, falcon1024 } = identity.public
  expect(verify('ed25519', ed25519, message, again.ed25519.sign(message))).toBe(true)
  expect(verify('ml-dsa-65', mlDsa65, message, again.mlDsa65.sign(message))).toBe(true)
  const signature = await again.falcon1024.sign(message)
  expect(await verifySignature('falcon-1024', falcon1024, message, signature)).toBe(true)
})

test('a file of an earlier release still opens', async () => {
  const path = await kept(fromHex(earlier.file))
  await using old = await openIdentity({ file: path, passphrase: earlier.passphrase })
  expect({
    ed25519: toHex(old.public.ed25519),
    mlDsa65Sha256: toHex(sha256(old.public.mlDsa65)),
    falcon1024Sha256: toHex(sha256(old.public.falcon1024)),
  }).toEqual({
    ed25519: earlier.ed25519,
    mlDsa65Sha256: earlier.mlDsa65Sha256,
    falcon1024Sha256: earlier.falcon1024Sha256,
  })
})

test('the file is for its owner only, and nothing else is left beside it', async () => {
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await stat(join(file, '..'))).mode & 0o777).toBe(0o700)
  expect(await readdir(join(file, '..'))).toEqual(['node.identity'])
})

test('no private key stands in the file', () => {
  const text = toHex(bytes)
  expect(text).not.toContain(toHex(identity.ed25519.seed()))
  expect(text).not.toContain(toHex(identity.mlDsa65.seed()))
})

test('another passphrase does not open it', async () => {
  for (const other of ['tall oak, red doors', '', 'x']) {
    await expect(openIdentity({ file, passphrase: other })).rejects.toThrow(
      code('wrong-passphrase'),
    )
  }
})

test('an identity is never overwritten', async () => {
  await expect(createIdentity({ file, passphrase, cost })).rejects.toThrow(code('identity-exists'))
  expect(new Uint8Array(await readFile(file))).toEqual(bytes)
})

test('of two that create at once, one is told', async () => {
  const path = join(folder, 'race', 'node.identity')
  const both = await Promise.allSettled([
    createIdentity({ file: path, passphrase, cost }),
    createIdentity({ file: path, passphrase, cost }),
  ])
  const made = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  const told = both.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  expect(made).toHaveLength(1)
  expect(told).toEqual([code('identity-exists')])
  await using again = await openIdentity({ file: path, passphrase })
  expect(again.public).toEqual(made[0]?.public)
  await made[0]?.close()
  expect(await readdir(join(path, '..'))).toEqual(['node.identity'])
})

test('a missing file is an error and stays missing', async () => {
  const missing = join(folder, 'nothing')
  await expect(openIdentity({ file: missing, passphrase })).rejects.toThrow(
    code('identity-missing'),
  )
  expect(await readdir(folder)).not.toContain('nothing')
})

test.each([0o640, 0o604, 0o660, 0o610, 0o601])('a file of mode %o is refused', async (mode) => {
  const path = await kept(bytes)
  await chmod(path, mode)
  await expect(openIdentity({ file: path, passphrase })).rejects.toThrow(
    code('identity-permissions'),
  )
})

test('a directory that others may enter is refused, to open and to create', async () => {
  const path = await kept(bytes)
  await chmod(join(path, '..'), 0o755)
  const refused = code('identity-permissions')
  await expect(openIdentity({ file: path, passphrase })).rejects.toThrow(refused)
  const beside = join(path, '..', 'other')
  await expect(createIdentity({ file: beside, passphrase, cost })).rejects.toThrow(refused)
})

test('an identity is not read through a link, nor from a directory or a device', async () => {
  const path = join(folder, 'link')
  await symlink(file, path)
  await expect(openIdentity({ file: path, passphrase })).rejects.toThrow(
    code('identity-unreadable'),
  )
  const directory = join(folder, 'keys')
  await expect(openIdentity({ file: directory, passphrase })).rejects.toThrow(
    code('identity-damaged'),
  )
})

test('where nothing can be written, that is said', async () => {
  const path = join(file, 'below-a-file', 'node.identity')
  await expect(createIdentity({ file: path, passphrase, cost })).rejects.toThrow(
    code('identity-unwritable'),
  )
})

test('a changed, cut or lengthened file is damaged', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat({ max: 7 }), async (place, bit) => {
      const flipped = bytes.slice()
      flipped[place % bytes.length]! ^= 1 << bit
      const cut = bytes.subarray(0, place % bytes.length)
      for (const bad of [flipped, cut, concat(bytes, new Uint8Array(1 + (place % 9000)))]) {
        const path = await kept(bad)
        await expect(openIdentity({ file: path, passphrase })).rejects.toThrow(
          code('identity-damaged'),
        )
      }
    }),
    { numRuns: 30 },
  )
})

test('a file of a terabyte is damaged, and not read', async () => {
  const path = await kept(bytes)
  await truncate(path, 2 ** 40)
  await expect(openIdentity({ file: path, passphrase })).rejects.toThrow(code('identity-damaged'))
})

test('random bytes are damaged, even under a right checksum', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 9000 }), async (content) => {
      const path = await kept(concat(sha256(content), content))
      await expect(openIdentity({ file: path, passphrase })).rejects.toThrow(
        code('identity-damaged'),
      )
    }),
    { numRuns: 30 },
  )
})

type Tree = [string, number, Record<string, unknown>]

test.each([
  ['a gigabyte and more of memory', { memoryKib: 2 ** 20 + 1 }],
  ['a thousand passes', { passes: 1000 }],
  ['no memory', { memoryKib: 8 }],
  ['a salt of no bytes', { salt: new Uint8Array() }],
])('a file that asks for %s is damaged, whatever the passphrase', async (_, part) => {
  const [domain, version, fields] = decode(bytes.subarray(32)) as Tree
  expect([domain, version]).toEqual(['hypermesh/identity', 1])
  const body = encode([domain, version, { ...fields, ...part }], rfc8949EncodeOptions)
  const path = await kept(concat(sha256(body), body))
  const started = process.memoryUsage().rss
  await expect(openIdentity({ file: path, passphrase })).rejects.toThrow(code('identity-damaged'))
  expect(process.memoryUsage().rss - started).toBeLessThan(200 << 20)
})

test('a cost below the least or an empty passphrase makes no identity', async () => {
  const path = join(folder, 'cheap', 'node.identity')
  const refused = code('bad-value')
  const cheap = { ...cost, memoryKib: 8 }
  await expect(createIdentity({ file: path, passphrase, cost: cheap })).rejects.toThrow(refused)
  await expect(createIdentity({ file: path, passphrase: '', cost })).rejects.toThrow(refused)
  expect(await readdir(folder)).not.toContain('cheap')
})

test('an identity in memory has three keys and no file', async () => {
  await using memory = await generateIdentity()
  expect(memory.public.ed25519).not.toEqual(identity.public.ed25519)
  const signature = await memory.falcon1024.sign(message)
  const key = memory.public.falcon1024
  expect(await verifySignature('falcon-1024', key, message, signature)).toBe(true)
  await memory.close()
  await expect(memory.falcon1024.sign(message)).rejects.toThrow(code('closed'))
})
