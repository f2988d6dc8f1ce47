import { readSync } from 'node:fs'
import { access, link, open, rm, statfs } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

import { concat, equal, sha256 } from '@hypermesh/crypto'

import { ConsensusError } from '../errors.ts'
import { leafHash, treeOfHashes } from '../merkle/merkle.ts'
import type { MerkleTree, Opening } from '../merkle/merkle.ts'
import {
  earlierLabel,
  FIRST,
  labelIn,
  LABEL_SIZE,
  LEAF_LABELS,
  leafOf,
  sealOf,
  SPACE_LEAF_SIZE,
} from './seal.ts'
import { SPACE_DRAWS, SPACE_LEAVES_MAX, spaceChallenge } from './space.ts'
import type { SpaceCommitment, SpaceProof } from './space.ts'

/** Sealed bytes on a disk, open for challenges. */
export interface Space extends SpaceCommitment, AsyncDisposable {
  /**
   * Reads what the challenge of a beacon asks for.
   *
   * @throws {ConsensusError} `space-damaged` when the file is no longer what it was.
   */
  answer(seed: Uint8Array): Promise<SpaceProof>
}

export interface SpaceOptions {
  /** Path of the file. Its folder must be there. */
  readonly file: string
  /** Ed25519 public key that the bytes are sealed for. */
  readonly owner: Uint8Array
  /** Of 1 KiB. */
  readonly leaves: number
}

export interface CreateOptions extends SpaceOptions {
  /** Ends the creation; nothing is left of it. */
  readonly signal?: AbortSignal
}

/** Leaves sealed or read at a time. */
const CHUNK_LEAVES = 1024

/** Bytes after the leaves: what the file is, and the root, so that damage is seen when it is opened. */
const TRAILER_SIZE = 64

/**
 * Seals the bytes of one owner, writes them to a new file and opens it. About 10 MiB a second, and 64 bytes of
 * memory for each KiB. A run that was cut short leaves only `<file>.partial`, which the next one overwrites.
 *
 * @throws {ConsensusError} `space-exists`; `space-full` when the disk has not the room; `out-of-range` for fewer
 * than 20 leaves or more than 16 GiB; the signal's reason.
 */
export async function createSpace(options: CreateOptions): Promise<Space> {
  const { file, owner, leaves } = options
  checkLeaves(leaves)
  await checkRoom(options)
  const partial = `${file}.partial`
  const handle = await open(partial, 'w+', 0o600)
  try {
    const hashes = await writeSealed(handle, options)
    const { root } = treeOfHashes(hashes)
    await writeAll(handle, trailer(owner, leaves, root), leaves * SPACE_LEAF_SIZE)
    await handle.sync()
    // Unlike a rename, a link never replaces a file that another run has finished meanwhile.
    await link(partial, file)
    await syncFolder(dirname(file))
  } catch (error) {
    throw explained(error, options)
  } finally {
    await handle.close()
    await rm(partial, { force: true })
  }
  return openSpace(options)
}

/**
 * Opens what {@link createSpace} wrote, and reads all of it once to see that it is whole.
 *
 * @throws {ConsensusError} `space-missing`; `space-damaged` when it is not what was written for this owner.
 */
export async function openSpace({ file, owner, leaves }: SpaceOptions): Promise<Space> {
  checkLeaves(leaves)
  const handle = await open(file, 'r').catch((error: unknown) => {
    throw explained(error, { file, owner, leaves })
  })
  try {
    const tree = treeOfHashes(await readHashes(handle, leaves))
    const end = new Uint8Array(TRAILER_SIZE + 1)
    const { bytesRead } = await handle.read(end, 0, end.length, leaves * SPACE_LEAF_SIZE)
    const expected = trailer(owner, leaves, tree.root)
    if (bytesRead !== TRAILER_SIZE || !equal(end.subarray(0, TRAILER_SIZE), expected)) {
      throw damaged(file, 'it does not end as it was written')
    }
    return spaceOf(file, handle, tree)
  } catch (error) {
    await handle.close()
    throw error
  }
}

function spaceOf(file: string, handle: FileHandle, tree: MerkleTree): Space {
  const openLeaf = async (index: number): Promise<Opening> => {
    const leaf = new Uint8Array(SPACE_LEAF_SIZE)
    await handle.read(leaf, 0, leaf.length, index * SPACE_LEAF_SIZE)
    if (!equal(leafHash(leaf), tree.leaf(index)))
      throw damaged(file, `leaf ${index} is not what it was`)
    return { index, leaf, path: tree.path(index) }
  }
  return {
    root: tree.root,
    leaves: tree.leaves,
    answer: (seed) => answer(spaceChallenge(seed, tree.leaves), openLeaf),
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** The drawn leaves, and those that the drawn labels hang on. */
async function answer(
  challenge: ReturnType<typeof spaceChallenge>,
  openLeaf: (index: number) => Promise<Opening>,
): Promise<SpaceProof> {
  const openings = new Map<number, Opening>()
  const leafAt = async (index: number): Promise<Uint8Array> => {
    const opening = openings.get(index) ?? (await openLeaf(index))
    openings.set(index, opening)
    return opening.leaf
  }
  for (const leaf of challenge.leaves) await leafAt(leaf)
  for (const label of challenge.labels) {
    if (label === 0) continue
    const previous = labelIn(await leafAt(leafOf(label - 1)), label - 1)
    await leafAt(leafOf(earlierLabel(label, previous)))
  }
  return { openings: [...openings.values()].sort((a, b) => a.index - b.index) }
}

/** @returns The leaves' hashes, one after the other. */
async function writeSealed(
  handle: FileHandle,
  { owner, leaves, signal }: CreateOptions,
): Promise<Uint8Array> {
  const seal = sealOf(owner)
  const hashes = new Uint8Array(leaves * 32)
  const label = new Uint8Array(LABEL_SIZE)
  let previous = FIRST
  for (let first = 0; first < leaves; first += CHUNK_LEAVES) {
    signal?.throwIfAborted()
    const chunk = new Uint8Array(Math.min(CHUNK_LEAVES, leaves - first) * SPACE_LEAF_SIZE)
    const start = first * LEAF_LABELS
    for (let at = 0; at < chunk.length; at += LABEL_SIZE) {
      const index = start + at / LABEL_SIZE
      const earlier = index === 0 ? 0 : earlierLabel(index, previous)
      if (index === 0) label.set(FIRST)
      else if (earlier >= start)
        label.set(chunk.subarray((earlier - start) * LABEL_SIZE).subarray(0, LABEL_SIZE))
      // Written moments ago, so this comes from memory; a promise for each would take longer than the hash.
      else readSync(handle.fd, label, 0, LABEL_SIZE, earlier * LABEL_SIZE)
      previous = seal.label(index, previous, label)
      chunk.set(previous, at)
    }
    hashLeaves(chunk, hashes, first)
    await writeAll(handle, chunk, first * SPACE_LEAF_SIZE)
  }
  return hashes
}

async function readHashes(handle: FileHandle, leaves: number): Promise<Uint8Array> {
  const hashes = new Uint8Array(leaves * 32)
  const chunk = new Uint8Array(Math.min(CHUNK_LEAVES, leaves) * SPACE_LEAF_SIZE)
  for (let first = 0; first < leaves; first += CHUNK_LEAVES) {
    const wanted = chunk.subarray(0, (leaves - first) * SPACE_LEAF_SIZE)
    // A file that is too short leaves old bytes behind, and so another root.
    await handle.read(wanted, 0, wanted.length, first * SPACE_LEAF_SIZE)
    hashLeaves(wanted, hashes, first)
  }
  return hashes
}

function hashLeaves(chunk: Uint8Array, hashes: Uint8Array, first: number): void {
  for (let at = 0; at < chunk.length; at += SPACE_LEAF_SIZE) {
    const leaf = first + at / SPACE_LEAF_SIZE
    hashes.set(leafHash(chunk.subarray(at, at + SPACE_LEAF_SIZE)), leaf * 32)
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, position + at)
    at += bytesWritten
  }
}

/** SHA-256 of what the file is, and its root: 64 bytes. */
function trailer(owner: Uint8Array, leaves: number, root: Uint8Array): Uint8Array {
  const count = new DataView(new ArrayBuffer(8))
  count.setBigUint64(0, BigInt(leaves))
  const name = new TextEncoder().encode('hypermesh/space-file/1')
  return concat(sha256(name, owner, new Uint8Array(count.buffer)), root)
}

function checkLeaves(leaves: number): void {
  if (!Number.isSafeInteger(leaves) || leaves < SPACE_DRAWS || leaves > SPACE_LEAVES_MAX) {
    throw new ConsensusError(
      'out-of-range',
      `${leaves} leaves of ${SPACE_DRAWS} to ${SPACE_LEAVES_MAX}`,
    )
  }
}

async function checkRoom(options: SpaceOptions): Promise<void> {
  const there = await access(options.file).then(
    () => true,
    () => false,
  )
  if (there) throw exists(options.file)
  const { bavail, bsize } = await statfs(dirname(options.file)).catch((error: unknown) => {
    throw explained(error, options)
  })
  if (bavail * bsize < options.leaves * SPACE_LEAF_SIZE) throw full(options)
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  await handle.sync().finally(() => handle.close())
}

function explained(error: unknown, options: SpaceOptions): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOSPC' || code === 'EDQUOT') return full(options, error)
  if (code === 'EEXIST') return exists(options.file, error)
  if (code !== 'ENOENT') return error
  return new ConsensusError('space-missing', `${options.file} is not there: create the space`, {
    cause: error,
  })
}

function exists(file: string, cause?: unknown): ConsensusError {
  return new ConsensusError('space-exists', `${file} is there already: open it instead`, { cause })
}

function full({ file, leaves }: SpaceOptions, cause?: unknown): ConsensusError {
  const needed = leaves * SPACE_LEAF_SIZE
  return new ConsensusError(
    'space-full',
    `${file} needs ${needed} bytes: free some, or commit to fewer`,
    { cause },
  )
}

function damaged(file: string, what: string): ConsensusError {
  return new ConsensusError(
    'space-damaged',
    `${file}: ${what}; remove it and create the space again`,
  )
}
