import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { draw, systemRandom, toHex } from '@hypermesh/crypto'
import { TrustError } from '../errors.ts'

/** Longest key file read, in bytes. */
const FILE_SIZE_MAX = 8_192

const SUFFIX = '.key'

/** Names of the keys in a folder; a folder that is not there has none. */
export async function listKeys(directory: string): Promise<string[]> {
  try {
    const files = await readdir(directory)
    return files
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return []
    throw unreadable(directory, cause)
  }
}

/**
 * Reads a key's file.
 *
 * @throws {TrustError} `key-permissions` when others may read it or it cannot be read; `key-damaged` past the size limit.
 */
export async function readKey(directory: string, name: string): Promise<Uint8Array | undefined> {
  const path = join(directory, name + SUFFIX)
  try {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const { mode, size } = await file.stat()
    demandPrivate(path, mode)
    demandPrivate(directory, (await stat(directory)).mode)
    if (size > FILE_SIZE_MAX) throw new TrustError('key-damaged', `${path} is not a key: too long`)
    return new Uint8Array(await file.readFile())
  } catch (cause) {
    if (cause instanceof TrustError) throw cause
    if (codeOf(cause) === 'ENOENT') return undefined
    throw unreadable(path, cause)
  }
}

/**
 * Writes a key's file so that, whatever happens, the old or the new one is there whole.
 *
 * @throws {TrustError} `key-unwritable`; `key-permissions` when the folder is open to others.
 */
export async function writeKey(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(directory, `${name}.${toHex(draw(systemRandom, 8))}.new`)
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    demandPrivate(directory, (await stat(directory)).mode)
    try {
      await writeSynced(temporary, bytes)
      await rename(temporary, join(directory, name + SUFFIX))
    } finally {
      await rm(temporary, { force: true })
    }
    // The new name is durable when the folder is.
    await using folder = await open(directory, constants.O_RDONLY)
    await folder.sync()
  } catch (cause) {
    if (cause instanceof TrustError) throw cause
    const advice = 'see that the folder is this user’s and the disk has room'
    throw new TrustError('key-unwritable', `${directory} takes no key: ${advice}`, { cause })
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(bytes)
  await file.sync()
}

function demandPrivate(path: string, mode: number): void {
  if ((mode & 0o077) === 0) return
  const octal = (mode & 0o777).toString(8)
  throw new TrustError('key-permissions', `${path} is open to others (${octal}): chmod go= it`)
}

function unreadable(path: string, cause: unknown): TrustError {
  return new TrustError('key-permissions', `${path} cannot be read: see whose it is`, { cause })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
