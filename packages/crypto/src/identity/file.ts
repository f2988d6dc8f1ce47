import { constants } from 'node:fs'
import { link, mkdir, open, stat, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

import { toHex } from '../bytes.ts'
import { CryptoError } from '../errors.ts'
import type { CryptoErrorCode } from '../errors.ts'
import { draw, systemRandom } from '../random.ts'
import { IDENTITY_SIZE_MAX } from './locked.ts'

/** The bits that let a group or others do anything. */
const OTHERS = 0o077

/**
 * Makes the directory where it is missing, and checks that `file` can be made in it.
 *
 * @throws {CryptoError} `identity-exists`; `identity-permissions`; `identity-unwritable`.
 */
export async function checkNew(file: string): Promise<void> {
  const directory = dirname(file)
  await attempt(mkdir(directory, { recursive: true, mode: 0o700 }), file, 'identity-unwritable')
  await checkDirectory(file, 'identity-unwritable')
  const found = await attempt(exists(file), file, 'identity-unwritable')
  if (found) throw occupied(file)
}

/**
 * Writes a new file: all of it or nothing, and never over another.
 *
 * @throws {CryptoError} `identity-exists`; `identity-unwritable`.
 */
export async function writeNew(file: string, bytes: Uint8Array): Promise<void> {
  const draft = `${file}.${toHex(draw(systemRandom, 8))}.new`
  await attempt(publish(draft, file, bytes), file, 'identity-unwritable')
}

/**
 * Reads a file that only its owner may read.
 *
 * @throws {CryptoError} `identity-missing`; `identity-permissions`; `identity-damaged` when it is no file or too
 *   long for one; `identity-unreadable`.
 */
export async function readSecret(file: string): Promise<Uint8Array> {
  const handle = await attempt(openToRead(file), file, 'identity-unreadable')
  try {
    const { mode, size } = await attempt(regular(handle, file), file, 'identity-unreadable')
    if ((mode & OTHERS) !== 0) throw exposed(file, mode, '600')
    await checkDirectory(file, 'identity-unreadable')
    const bytes = new Uint8Array(size)
    const { bytesRead } = await attempt(handle.read(bytes, 0, size, 0), file, 'identity-unreadable')
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}

// A link fails where a name is taken, which a rename does not: of two that create at once, one is told.
async function publish(draft: string, file: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeThrough(draft, bytes)
    await link(draft, file)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') throw occupied(file)
    throw error
  } finally {
    await unlink(draft).catch(() => {})
  }
  await using directory = await open(dirname(file))
  await directory.sync()
}

async function writeThrough(file: string, bytes: Uint8Array): Promise<void> {
  await using handle = await open(file, 'wx', 0o600)
  await handle.writeFile(bytes)
  await handle.sync()
}

// Not through a link in the last step, and without waiting for the other end of a pipe.
async function openToRead(file: string): Promise<FileHandle> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants
  try {
    return await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    const advice = 'put back a copy, or create a new identity'
    throw new CryptoError('identity-missing', `${file} is not there: ${advice}`, { cause: error })
  }
}

async function regular(
  handle: FileHandle,
  file: string,
): Promise<{ readonly mode: number; readonly size: number }> {
  const status = await handle.stat()
  if (!status.isFile() || status.size > IDENTITY_SIZE_MAX) {
    throw new CryptoError('identity-damaged', `${file} is not an identity file`)
  }
  return { mode: status.mode, size: status.size }
}

async function checkDirectory(file: string, code: CryptoErrorCode): Promise<void> {
  const directory = dirname(file)
  const { mode } = await attempt(stat(directory), file, code)
  if ((mode & OTHERS) !== 0) throw exposed(directory, mode, '700')
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

async function attempt<T>(act: Promise<T>, file: string, code: CryptoErrorCode): Promise<T> {
  try {
    return await act
  } catch (error) {
    if (error instanceof CryptoError) throw error
    throw new CryptoError(code, `${file}: ${codeOf(error) ?? 'failed'}`, { cause: error })
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined
}

function occupied(file: string): CryptoError {
  return new CryptoError('identity-exists', `${file} is there already; it is not overwritten`)
}

function exposed(path: string, mode: number, wanted: string): CryptoError {
  const now = (mode & 0o777).toString(8)
  const advice = `chmod ${wanted} ${path}`
  return new CryptoError('identity-permissions', `${path} has mode ${now}; run: ${advice}`)
}
