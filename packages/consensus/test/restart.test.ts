import {
  decodeEvidence,
  encodeEvidence,
  faultOf,
  openJournal,
  statementBytes,
  verifyEvidence,
} from '@hypermesh/consensus'
import type { Vote, VoteKind } from '@hypermesh/consensus'
import { keyValueOperation, simulatedStorage } from '@hypermesh/consensus/testing'
import type { Simulation } from '@hypermesh/consensus/testing'
import { toHex } from '@hypermesh/crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { bytes, CHAIN, KEYS, openMesh, passes, VALIDATORS } from './mesh.ts'
import { readVote, voteBytes } from './wire.ts'

const MESH = { chainId: CHAIN, validators: VALIDATORS }

/** How many appends a validator makes in the time of these runs. */
const APPENDS = 12

const RUNS = Array.from({ length: APPENDS }, (_, appends) => [
  { appends, isKept: false },
  { appends, isKept: true },
]).flat()

test('a validator that loses power at any write never contradicts what it has sent', async () => {
  let crashes = 0
  for (const { appends, isKept } of RUNS) {
    const { liars, hasCrashed, height } = await runWithCrash(appends, isKept, true)
    if (hasCrashed) crashes++
    expect({ appends, isKept, liars }).toEqual({ appends, isKept, liars: [] })
    expect(height).toBeGreaterThan(3n)
  }
  expect(crashes).toBeGreaterThan(APPENDS)
})

test('without its journal it would: these runs can tell', async () => {
  const liars: number[] = []
  for (const { appends } of RUNS.filter(({ isKept }) => !isKept)) {
    liars.push(...(await runWithCrash(appends, false, false)).liars)
  }
  expect(new Set(liars)).toEqual(new Set([2]))
})

test('nothing is sent that is not kept', async () => {
  await using mesh = await openMesh()
  const storage = simulatedStorage()
  await mesh.close(2)
  await mesh.open(2, { storage })
  await mesh.world.run(300)
  // From here on nothing is kept, so nothing of weight may be sent.
  storage.failAfter(0, false)
  const sent = votesSent(mesh.world)
  await mesh.world.run(5000)
  expect(sent.filter(({ validator }) => validator === 2)).toEqual([])
  await expect(mesh.node(2).done).rejects.toMatchObject({ code: 'journal-failed' })
  await expect(mesh.node(2).submit(bytes('k=v'))).rejects.toMatchObject({ code: 'journal-failed' })
})

test('all restarted at once, the chain goes on where it was', async () => {
  await using mesh = await openMesh()
  await mesh.submit(0, keyValueOperation('before', '1'))
  await mesh.world.run(2000)
  const { root } = mesh.node(1).state()
  const [height = 0n] = mesh.heights()
  for (const index of [0, 1, 2, 3]) await mesh.close(index)
  for (const index of [0, 1, 2, 3]) await mesh.open(index)
  expect(mesh.heights()[0]).toBe(height)
  expect(mesh.node(0).state().root).toEqual(root)
  expect(await mesh.submit(2, keyValueOperation('after', '2'), 5000)).toMatchObject({ ok: true })
  expect(mesh.heights()[0]).toBeGreaterThan(height)
})

test('a chain kept in real journals is the same when it is opened again', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'hypermesh-chain-'))
  try {
    const file = join(directory, 'journal')
    const options = { validators: VALIDATORS.slice(0, 1) }
    let root: Uint8Array
    {
      await using journal = await openJournal(file)
      await using mesh = await openMesh({}, [{ options: { ...options, storage: journal } }])
      const done = { isSettled: false }
      void mesh
        .node(0)
        .submit(keyValueOperation('k', 'v'))
        .then(() => (done.isSettled = true))
      // The disk takes real time, in which the simulated clock must not run away.
      while (!done.isSettled) {
        await mesh.world.run(1)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      root = mesh.node(0).state().root
    }
    await using journal = await openJournal(file)
    await using mesh = await openMesh({}, [{ options: { ...options, storage: journal } }])
    expect(mesh.node(0).state().root).toEqual(root)
    expect(mesh.node(0).state().get(bytes('k'))).toEqual(bytes('v'))
  } finally {
    await rm(directory, { recursive: true })
  }
})

test.each([
  { first: 'notarize', second: 'notarize', fault: 'conflicting-notarize' },
  { first: 'finalize', second: 'finalize', fault: 'conflicting-finalize' },
  { first: 'nullify', second: 'finalize', fault: 'nullify-finalize' },
  { first: 'finalize', second: 'nullify', fault: 'nullify-finalize' },
] as const)(
  'a validator that signs $first and $second is found out, and the rest go on',
  async ({ first, second, fault }) => {
    await using mesh = await openMesh({}, [undefined, {}, {}, {}])
    const network = mesh.world.network(0)
    await mesh.world.run(1000)
    const view = mesh.node(1).head()!.header.view + 1n
    for (const later of [0n, 1n, 2n]) {
      network.broadcast(voteBytes(sign(0, first, view + later, 1)))
      network.broadcast(voteBytes(sign(0, second, view + later, 2)))
    }
    await mesh.world.run(5000)
    const evidence = mesh.node(2).evidence()
    expect(evidence.length).toBeGreaterThan(0)
    for (const one of evidence) {
      expect(faultOf(one.first, one.second)).toBe(fault)
      expect(one.first.validator).toBe(0)
      expect(verifyEvidence(one, MESH)).toBe(true)
      expect(decodeEvidence(encodeEvidence(one))).toEqual(one)
    }
    expect(await mesh.submit(1, keyValueOperation('k', 'v'), 10_000)).toMatchObject({ ok: true })
    await mesh.close(2)
    await mesh.open(2)
    expect(mesh.node(2).evidence()).toEqual(evidence)
  },
)

test('two honest votes are no evidence, nor is anything that is not signed', () => {
  const notarize = sign(0, 'notarize', 5n, 1)
  const honest = [
    [notarize, notarize],
    [notarize, sign(0, 'nullify', 5n, 0)],
    [notarize, sign(0, 'finalize', 5n, 1)],
    [notarize, sign(0, 'notarize', 6n, 2)],
    [notarize, sign(1, 'notarize', 5n, 2)],
    [sign(0, 'nullify', 5n, 0), sign(0, 'nullify', 5n, 0)],
  ] as const
  for (const [first, second] of honest) {
    expect(faultOf(first, second)).toBeUndefined()
    expect(verifyEvidence({ first, second }, MESH)).toBe(false)
  }
  const second = sign(0, 'notarize', 5n, 2)
  expect(verifyEvidence({ first: notarize, second }, MESH)).toBe(true)
  // A nullify that names a block is none.
  const odd = { ...sign(0, 'nullify', 5n, 0), hash: notarize.hash }
  expect(decodeEvidence(encodeEvidence({ first: notarize, second: odd }))).toBeUndefined()
  const forged = { ...second, signature: notarize.signature }
  expect(verifyEvidence({ first: notarize, second: forged }, MESH)).toBe(false)
  expect(verifyEvidence({ first: forged, second: notarize }, MESH)).toBe(false)
  expect(
    verifyEvidence({ first: notarize, second }, { ...MESH, chainId: new Uint8Array(32) }),
  ).toBe(false)
})

/** Runs the chain while validator 2 loses power after so many writes, and is started again. */
async function runWithCrash(
  appends: number,
  isKept: boolean,
  hasJournal: boolean,
): Promise<{ liars: readonly number[]; hasCrashed: boolean; height: bigint }> {
  await using mesh = await openMesh({ seed: appends + 1 })
  const votes = votesSent(mesh.world)
  mesh.storages[2]!.failAfter(appends, isKept)
  const crashed = mesh.node(2).done.catch(() => undefined)
  mesh
    .node(0)
    .submit(keyValueOperation('k', 'v'))
    .catch(() => undefined)
  const hasCrashed = await passes(mesh.world, crashed, 1500)
  if (hasCrashed) {
    await mesh.close(2)
    // Alone with what it remembers, it gives up the view it believes to be in: no one tells it better.
    mesh.world.cut([[0, 1, 3]])
    await mesh.open(2, hasJournal ? {} : { storage: simulatedStorage() })
    await mesh.world.run(2500)
    mesh.world.heal()
  }
  await mesh.world.run(4000)
  return { liars: liarsAmong(votes), hasCrashed, height: mesh.heights()[2] ?? 0n }
}

function liarsAmong(votes: readonly Vote[]): readonly number[] {
  const liars = new Set<number>()
  for (const [index, vote] of votes.entries()) {
    for (const other of votes.slice(index + 1)) {
      if (faultOf(vote, other) !== undefined) liars.add(vote.validator)
    }
  }
  return [...liars]
}

/** Every vote that goes over the wire, a proposal's too, as it is sent. */
function votesSent(world: Simulation): readonly Vote[] {
  const votes: Vote[] = []
  const seen = new Set<string>()
  world.watch((from, _to, message) => {
    if (seen.has(toHex(message))) return
    seen.add(toHex(message))
    const vote = readVote(message)
    if (vote?.validator === from) votes.push(vote)
  })
  return votes
}

function sign(validator: number, kind: VoteKind, view: bigint, block: number): Vote {
  const hash = new Uint8Array(32).fill(kind === 'nullify' ? 0 : block)
  const statement = { kind, epoch: 0n, view, hash }
  const signature = KEYS[validator]!.sign(statementBytes(CHAIN, statement))
  return { ...statement, validator, signature }
}
