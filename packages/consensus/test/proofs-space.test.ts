import { spawnSync } from 'node:child_process'
import { copyFile, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import {
  beacon,
  createSpace,
  createTree,
  merkleRoot,
  openSpace,
  SEAL_DRAWS,
  SPACE_DRAWS,
  SPACE_LEAF_SIZE,
  spaceChallenge,
  verifySpace,
} from '@hypermesh/consensus'
import type { MerkleTree, Opening, Space, SpaceProof } from '@hypermesh/consensus'
import { concat, sha256, toHex } from '@hypermesh/crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { flip, header, KEYS, temporaryFolder, text } from './proofs.mesh.ts'

const OWNER = KEYS[0]!.publicKey
const LEAVES = 200

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let space: Space
let file: string

beforeAll(async () => {
  folder = await temporaryFolder()
  file = join(folder.path, 'space')
  space = await createSpace({ file, owner: OWNER, leaves: LEAVES })
})

afterAll(async () => {
  await space[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

const seedOf = (round: number): Uint8Array => beacon(header({ height: BigInt(round) }), OWNER)

describe('a space', () => {
  test('really is that many bytes on the disk', async () => {
    const { size, blocks } = await stat(file)
    expect(size).toBe(LEAVES * SPACE_LEAF_SIZE + 64)
    expect(blocks * 512).toBeGreaterThanOrEqual(LEAVES * SPACE_LEAF_SIZE)
    const bytes = await readFile(file)
    const leaves = Array.from({ length: LEAVES }, (_, index) =>
      bytes.subarray(index * SPACE_LEAF_SIZE, (index + 1) * SPACE_LEAF_SIZE),
    )
    expect(space.root).toEqual(merkleRoot(leaves))
  })

  test('is made of labels that each hash the one before and an earlier one', async () => {
    const bytes = new Uint8Array(await readFile(file))
    const labelAt = (index: number): Uint8Array => bytes.slice(index * 32, index * 32 + 32)
    const tag = sha256(sha256(text('hypermesh/space-label/1')), OWNER)
    for (const index of [0, 1, 2, 31, 32, 33, 1000, LEAVES * 32 - 1]) {
      const place = new DataView(new ArrayBuffer(8))
      place.setBigUint64(0, BigInt(index))
      const previous = index === 0 ? new Uint8Array(32) : labelAt(index - 1)
      const back =
        index === 0 ? 0 : Number(new DataView(previous.buffer).getBigUint64(0) % BigInt(index))
      const earlier = index === 0 ? new Uint8Array(32) : labelAt(back)
      const whole = concat(tag, new Uint8Array(place.buffer), previous, earlier)
      expect(labelAt(index)).toEqual(sha256(whole))
    }
  })

  test('is what it always was', () => {
    expect(toHex(space.root)).toBe(GOLDEN)
  })

  test('is the same when it is larger than what is sealed at a time', async () => {
    const large = join(folder.path, 'large')
    const first = await createSpace({ file: large, owner: OWNER, leaves: 1500 })
    const again = await openSpace({ file: large, owner: OWNER, leaves: 1500 })
    expect(again.root).toEqual(first.root)
    for (const round of [1, 2, 3]) {
      const proof = await again.answer(seedOf(round))
      expect(verifySpace(first, OWNER, seedOf(round), proof)).toBeUndefined()
    }
    // A longer space begins with the same bytes.
    expect((await readFile(large)).subarray(0, 4096)).toEqual(
      (await readFile(file)).subarray(0, 4096),
    )
    await first[Symbol.asyncDispose]()
    await again[Symbol.asyncDispose]()
  })

  test('answers every challenge', async () => {
    for (let round = 1; round <= 50; round += 1) {
      const proof = await space.answer(seedOf(round))
      expect(proof.openings.length).toBeGreaterThanOrEqual(SPACE_DRAWS)
      expect(verifySpace(space, OWNER, seedOf(round), proof)).toBeUndefined()
    }
  })

  test('of one owner is not the space of another', async () => {
    const proof = await space.answer(seedOf(1))
    expect(verifySpace(space, KEYS[1]!.publicKey, seedOf(1), proof)).toBe('not-sealed')
  })

  test.each([0, 19, 2 ** 24 + 1, Number.NaN])('is not %s leaves', (leaves) => {
    expect(verifySpace({ root: space.root, leaves }, OWNER, seedOf(1), { openings: [] })).toBe(
      'wrong-leaves',
    )
  })

  test('is answered for with exactly the leaves that were drawn, once, in order', async () => {
    const { openings } = await space.answer(seedOf(1))
    const known = new Set(openings.map(({ index }) => index))
    const { openings: others } = await space.answer(seedOf(2))
    const extra = others.find(({ index }) => !known.has(index))!
    // One that no seal hangs on, so that only the count of them could tell.
    const last = spaceChallenge(seedOf(1), LEAVES).leaves.at(-1)!
    const swapped = openings.filter(({ index }) => index !== last).concat(extra)
    for (const wrong of [
      [openings[0]!, ...openings],
      [...openings, openings.at(-1)!],
      openings.toReversed(),
      openings.slice(1),
      swapped.sort((a, b) => a.index - b.index),
      Array.from({ length: 29 }, (_, index) => ({ ...extra, index })),
    ]) {
      expect(verifySpace(space, OWNER, seedOf(1), { openings: wrong })).toBe('wrong-leaves')
    }
  })

  test('is made of whole leaves', () => {
    const leaves = Array.from({ length: LEAVES }, (_, index) => Uint8Array.of(index))
    const tree = createTree(leaves)
    const proof = {
      openings: spaceChallenge(seedOf(1), LEAVES)
        .leaves.toSorted((a, b) => a - b)
        .map((index) => ({ index, leaf: leaves[index]!, path: tree.path(index) })),
    }
    const committed = { root: tree.root, leaves: LEAVES }
    expect(verifySpace(committed, OWNER, seedOf(1), proof)).toBe('wrong-leaves')
  })

  test('does not answer one challenge with what it answered another', async () => {
    const proof = await space.answer(seedOf(1))
    expect(verifySpace(space, OWNER, seedOf(2), proof)).toBe('wrong-leaves')
  })
})

test.each([
  { part: 'a twentieth', deleted: LEAVES / 20 },
  { part: 'a tenth', deleted: LEAVES / 10 },
  { part: 'a fifth', deleted: LEAVES / 5 },
])(
  'a prover that has deleted $part of its leaves is caught as often as it should be',
  async ({ deleted }) => {
    const rounds = 400
    let caught = 0
    for (let round = 1; round <= rounds; round += 1) {
      const proof = await space.answer(seedOf(round))
      if (verifySpace(space, OWNER, seedOf(round), without(proof, deleted)) !== undefined)
        caught += 1
    }
    const rate = caught / rounds
    const share = deleted / LEAVES
    // At least the drawn leaves, at most those and the ones that seals hang on; three standard deviations of slack.
    const least = 1 - (1 - share) ** SPACE_DRAWS
    const most = 1 - missedAll(SPACE_DRAWS + 8, deleted)
    expect(rate).toBeGreaterThan(least - 3 * deviation(least, rounds))
    expect(rate).toBeLessThan(most + 3 * deviation(most, rounds))
  },
)

test('a prover that has sealed only a part of its bytes is caught at least once in each draw of it', async () => {
  const rounds = 400
  const share = 1 / 4
  const bytes = await bytesOf(file)
  const leaves = Array.from({ length: LEAVES }, (_, index) =>
    index < LEAVES * share
      ? concat(...Array.from({ length: 32 }, (_, label) => sha256(text(`${index} ${label}`))))
      : bytes.slice(index * SPACE_LEAF_SIZE, (index + 1) * SPACE_LEAF_SIZE),
  )
  const tree = createTree(leaves)
  const committed = { root: tree.root, leaves: LEAVES }
  let caught = 0
  for (let round = 1; round <= rounds; round += 1) {
    const proof = { openings: opened(leaves, tree, seedOf(round)) }
    const refusal = verifySpace(committed, OWNER, seedOf(round), proof)
    expect([undefined, 'not-sealed']).toContain(refusal)
    if (refusal !== undefined) caught += 1
  }
  const least = 1 - (1 - share) ** SEAL_DRAWS
  expect(caught / rounds).toBeGreaterThan(least - 3 * deviation(least, rounds))
  expect(caught).toBeLessThan(rounds)
})

describe('a space file', () => {
  const copy = async (name: string): Promise<string> => {
    const path = join(folder.path, name)
    await copyFile(file, path)
    return path
  }
  const options = { owner: OWNER, leaves: LEAVES }

  test('is never written over', async () => {
    const refusal = { code: 'space-exists' }
    await expect(createSpace({ file, ...options })).rejects.toMatchObject(refusal)
    // Seen before anything is sealed: the signal would have ended that.
    const signal = AbortSignal.abort()
    await expect(createSpace({ file, ...options, signal })).rejects.toMatchObject(refusal)
  })

  test('that is not there is not made up', async () => {
    const nowhere = join(folder.path, 'nowhere')
    await expect(openSpace({ file: nowhere, ...options })).rejects.toMatchObject({
      code: 'space-missing',
    })
  })

  test('cannot be made in a folder that is not there', async () => {
    const nowhere = join(folder.path, 'no', 'folder')
    await expect(createSpace({ file: nowhere, ...options })).rejects.toMatchObject({
      code: 'space-missing',
    })
  })

  const noMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status !== 0
  if (noMount) process.stdout.write('skipped: no right to mount a small disk that could be full\n')
  test.skipIf(noMount).each([
    { when: 'before it begins', leaves: 1025, signal: 'AbortSignal.abort()' },
    // These fit to the byte, and only the trailer does not.
    { when: 'at its very end', leaves: 1024, signal: 'new AbortController().signal' },
  ])('is refused by a full disk $when, and leaves nothing behind', ({ leaves, signal }) => {
    const program = `
      import { readdirSync } from 'node:fs'
      import { createSpace } from '@hypermesh/consensus'
      const signal = ${signal}
      const options = { file: '/mnt/space', owner: new Uint8Array(32), leaves: ${leaves}, signal }
      const outcome = await createSpace(options).catch(({ code, message }) => code + ': ' + message)
      console.log(outcome, readdirSync('/mnt').length)`
    const mount = 'mount -t tmpfs -o size=1m none /mnt && exec "$0" "$@"'
    const node = [process.execPath, '--conditions=@hypermesh/source', '--input-type=module', '-e']
    const { stdout } = spawnSync('unshare', ['-rm', 'sh', '-c', mount, ...node, program], {
      cwd: new URL('..', import.meta.url),
      encoding: 'utf8',
    })
    expect(stdout).toMatch(/^space-full: \/mnt\/space needs \d+ bytes: .* 0\n$/)
  })

  test('is made anew over what a killed run has left', async () => {
    const path = join(folder.path, 'again')
    await writeFile(`${path}.partial`, new Uint8Array(LEAVES * 2048).fill(7))
    const again = await createSpace({ file: path, ...options })
    expect(again.root).toEqual(space.root)
    await again[Symbol.asyncDispose]()
    const names = await readdir(folder.path)
    expect(names.filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  test.each([
    {
      what: 'one bit',
      damage: async (path: string) => writeFile(path, flip(await bytesOf(path), 777_777)),
    },
    {
      what: 'its root',
      damage: async (path: string) =>
        writeFile(path, flip(await bytesOf(path), LEAVES * 8192 + 300)),
    },
    { what: 'its end', damage: (path: string) => truncate(path, LEAVES * SPACE_LEAF_SIZE) },
    { what: 'half of it', damage: (path: string) => truncate(path, LEAVES * 512) },
    { what: 'all of it', damage: (path: string) => truncate(path, 0) },
    {
      what: 'nothing, but has more',
      damage: async (path: string) => writeFile(path, concat(await bytesOf(path), text('x'))),
    },
  ])('that has lost $what is not opened', async ({ what, damage }) => {
    const path = await copy(`damaged ${what}`)
    await damage(path)
    await expect(openSpace({ file: path, ...options })).rejects.toMatchObject({
      code: 'space-damaged',
    })
  })

  test('of another owner or another size is not opened', async () => {
    const damaged = { code: 'space-damaged' }
    await expect(
      openSpace({ file, owner: KEYS[1]!.publicKey, leaves: LEAVES }),
    ).rejects.toMatchObject(damaged)
    await expect(openSpace({ file, owner: OWNER, leaves: LEAVES - 1 })).rejects.toMatchObject(
      damaged,
    )
    await expect(openSpace({ file, owner: OWNER, leaves: LEAVES + 1 })).rejects.toMatchObject(
      damaged,
    )
  })

  test('that is damaged while it is open proves nothing more', async () => {
    const path = await copy('open')
    await using opened = await openSpace({ file: path, ...options })
    const handle = await open(path, 'r+')
    await handle.write(new Uint8Array(LEAVES * SPACE_LEAF_SIZE), 0, LEAVES * SPACE_LEAF_SIZE, 0)
    await handle.close()
    await expect(opened.answer(seedOf(1))).rejects.toMatchObject({ code: 'space-damaged' })
    await truncate(path, 0)
    await expect(opened.answer(seedOf(1))).rejects.toMatchObject({ code: 'space-damaged' })
  })

  test('that is not wanted any more is given up, and nothing is left of it', async () => {
    const given = new AbortController()
    const path = join(folder.path, 'unwanted')
    const creation = createSpace({ file: path, owner: OWNER, leaves: 4096, signal: given.signal })
    given.abort(new Error('not wanted'))
    await expect(creation).rejects.toThrow('not wanted')
    expect((await readdir(folder.path)).filter((name) => name.startsWith('unwanted'))).toEqual([])
  })

  test.each([0, 19, 0.5, Number.NaN, 2 ** 24 + 1])('of %s leaves is refused', async (leaves) => {
    const path = join(folder.path, 'odd')
    await expect(createSpace({ file: path, owner: OWNER, leaves })).rejects.toMatchObject({
      code: 'out-of-range',
    })
    await expect(openSpace({ file: path, owner: OWNER, leaves })).rejects.toMatchObject({
      code: 'out-of-range',
    })
  })
})

const GOLDEN = '2abf8274e6b332c0d39e4a557830f51abbc264a8cda0ac251caa5c23243fc769'

/** An answer by someone who has only zeros where the first leaves were. */
function without(proof: SpaceProof, deleted: number): SpaceProof {
  return {
    openings: proof.openings.map((opening) =>
      opening.index < deleted ? { ...opening, leaf: new Uint8Array(SPACE_LEAF_SIZE) } : opening,
    ),
  }
}

/** How likely it is that `draws` different leaves are all among those that are left. */
function missedAll(draws: number, deleted: number): number {
  let chance = 1
  for (let drawn = 0; drawn < draws; drawn += 1) {
    chance *= (LEAVES - deleted - drawn) / (LEAVES - drawn)
  }
  return chance
}

function deviation(chance: number, rounds: number): number {
  return Math.sqrt((chance * (1 - chance)) / rounds)
}

/** What a prover with these leaves answers: the drawn ones, and those that their labels lead to. */
function opened(leaves: readonly Uint8Array[], tree: MerkleTree, seed: Uint8Array): Opening[] {
  const challenge = spaceChallenge(seed, leaves.length)
  const indices = new Set(challenge.leaves)
  for (const label of challenge.labels.filter((label) => label > 0)) {
    const previous = leaves[Math.floor((label - 1) / 32)]!.slice(((label - 1) % 32) * 32)
    const earlier = Number(new DataView(previous.buffer).getBigUint64(0) % BigInt(label))
    indices.add(Math.floor((label - 1) / 32)).add(Math.floor(earlier / 32))
  }
  return [...indices]
    .sort((a, b) => a - b)
    .map((index) => ({ index, leaf: leaves[index]!, path: tree.path(index) }))
}

async function bytesOf(path: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path))
}
