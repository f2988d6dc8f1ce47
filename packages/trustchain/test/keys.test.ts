import {
  chmod,
  mkdir,
  readFile,
  readdir,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { fileKeys, openAuthority } from '@hypermesh/trustchain'
import { keyStoreTests, memoryKeys, memoryLedger } from '@hypermesh/trustchain/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { START, folder } from './mesh.ts'

const here = folder()
afterAll(() => here[Symbol.dispose]())

// The least that crypto accepts, so that the tests are quick.
const cost = { memoryKib: 8_192, passes: 1, lanes: 1 }
let folders = 0
const fresh = (): string => join(here.path, `${(folders += 1)}`)
const keysIn = (directory: string, passphrase = 'correct horse') =>
  fileKeys({ directory, passphrase, cost })

describe('keys in memory', () => {
  keyStoreTests(test, async () => {
    const keys = memoryKeys()
    return { open: async () => keys }
  })
})

describe('keys in files', () => {
  keyStoreTests(test, async () => {
    const directory = fresh()
    return { open: async () => keysIn(directory) }
  })

  test('are this user’s alone, and not to be read without the passphrase', async () => {
    const directory = fresh()
    const secret = Uint8Array.from({ length: 32 }, (_, at) => 200 - at)
    await keysIn(directory).save('root', secret)
    expect(await readdir(directory)).toEqual(['root.key'])
    expect((await stat(join(directory, 'root.key'))).mode & 0o777).toBe(0o600)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    const bytes = await readFile(join(directory, 'root.key'))
    expect(bytes.indexOf(secret.subarray(0, 4))).toBe(-1)
  })

  test('another passphrase neither opens them nor adds to them', async () => {
    const directory = fresh()
    await keysIn(directory).save('root', Uint8Array.of(1))
    const wrong = keysIn(directory, 'wrong horse')
    await expect(wrong.load('root')).rejects.toMatchObject({ code: 'wrong-passphrase' })
    const adding = wrong.save('intermediate', Uint8Array.of(2))
    await expect(adding).rejects.toMatchObject({ code: 'wrong-passphrase' })
    expect(await readdir(directory)).toEqual(['root.key'])
  })

  test('a key under another’s name is damaged', async () => {
    const directory = fresh()
    await keysIn(directory).save('root', Uint8Array.of(1))
    await rename(join(directory, 'root.key'), join(directory, 'intermediate.key'))
    const loading = keysIn(directory).load('intermediate')
    await expect(loading).rejects.toMatchObject({ code: 'key-damaged' })
  })

  test('no changed byte goes unnoticed, and none is taken for a missing key', async () => {
    const directory = fresh()
    const path = join(directory, 'root.key')
    await keysIn(directory).save('root', new Uint8Array(32).fill(1))
    const good = await readFile(path)
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: good.length - 1 }), fc.nat({ max: 7 }), async (at, bit) => {
        const bytes = Uint8Array.from(good)
        bytes[at]! ^= 1 << bit
        await writeFile(path, bytes)
        await expect(keysIn(directory).load('root')).rejects.toMatchObject({
          code: 'key-damaged',
        })
      }),
      { numRuns: 60 },
    )
  })

  test.each([0, 1, 60, 9_000])('%d bytes are no key', async (length) => {
    const directory = fresh()
    await keysIn(directory).save('root', Uint8Array.of(1))
    await writeFile(join(directory, 'root.key'), new Uint8Array(length))
    await expect(keysIn(directory).load('root')).rejects.toMatchObject({ code: 'key-damaged' })
  })

  test('a file of any size is not read past the limit', async () => {
    const directory = fresh()
    await keysIn(directory).save('root', Uint8Array.of(1))
    await truncate(join(directory, 'root.key'), 2 ** 33)
    await expect(keysIn(directory).load('root')).rejects.toMatchObject({ code: 'key-damaged' })
  })

  test('files or folders open to others are refused, and so are links', async () => {
    const directory = fresh()
    const path = join(directory, 'root.key')
    await keysIn(directory).save('root', Uint8Array.of(1))
    await chmod(path, 0o640)
    await expect(keysIn(directory).load('root')).rejects.toMatchObject({ code: 'key-permissions' })
    await chmod(path, 0o600)
    await chmod(directory, 0o755)
    await expect(keysIn(directory).load('root')).rejects.toMatchObject({ code: 'key-permissions' })
    const saving = keysIn(directory).save('root', Uint8Array.of(1))
    await expect(saving).rejects.toMatchObject({ code: 'key-permissions' })
    await chmod(directory, 0o700)
    const empty = fresh()
    await mkdir(empty, { mode: 0o755 })
    const first = keysIn(empty).save('root', Uint8Array.of(1))
    await expect(first).rejects.toMatchObject({ code: 'key-permissions' })
    await symlink(path, join(directory, 'other.key'))
    await expect(keysIn(directory).load('other')).rejects.toMatchObject({ code: 'key-permissions' })
  })

  test.each(['', '../root', 'a/b', '.hidden', 'Root', 'a'.repeat(97)])(
    'the name %j is refused',
    async (name) => {
      const keys = keysIn(fresh())
      await expect(keys.load(name)).rejects.toMatchObject({ code: 'key-name' })
      await expect(keys.save(name, Uint8Array.of(1))).rejects.toMatchObject({ code: 'key-name' })
    },
  )

  test('a place that cannot be written is said so', async () => {
    const directory = fresh()
    await mkdir(here.path, { recursive: true })
    await writeFile(directory, 'a file, not a folder')
    await expect(keysIn(directory).load('root')).rejects.toMatchObject({ code: 'key-permissions' })
    const saving = keysIn(join(directory, 'below')).save('root', Uint8Array.of(1))
    await expect(saving).rejects.toMatchObject({ code: 'key-permissions' })
    const long = keysIn(fresh()).save('root', new Uint8Array(4_097))
    await expect(long).rejects.toMatchObject({ code: 'key-unwritable' })
  })

  test('an authority lives on them', async () => {
    const directory = fresh()
    const open = () =>
      openAuthority({
        file: `${directory}.db`,
        keys: keysIn(directory),
        ledger: memoryLedger(),
        clock: { now: () => START },
        mesh: 'flights',
      })
    const first = await open()
    await first[Symbol.asyncDispose]()
    await using again = await open()
    expect(again.root).toEqual(first.root)
  })
})
