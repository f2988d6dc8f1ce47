import { headerHash, verifyFinalized } from '@hypermesh/consensus'
import type { FollowedBlock, Network } from '@hypermesh/consensus'
import { keyValueOperation } from '@hypermesh/consensus/testing'
import { toHex } from '@hypermesh/crypto'
import { expect, test } from 'vitest'

import { bytes, CHAIN, FINALIZE, openMesh, passes, VALIDATORS } from './mesh.ts'
import { proposalCodec } from './wire.ts'

test('the chain goes on with one validator down, and has it back when it returns', async () => {
  await using mesh = await openMesh({}, [undefined, {}, {}, {}])
  await mesh.world.run(30_000)
  // A quarter of the views fails, and costs little, once the leader is known to be silent.
  expect(mesh.heights()[1]).toBeGreaterThan(40n)
  const result = await mesh.submit(1, keyValueOperation('k', 'v'), 8000)
  expect(result.ok).toBe(true)
  await mesh.open(0)
  await mesh.world.run(5000)
  expect(mesh.node(0).state().get(bytes('k'))).toEqual(bytes('v'))
  expect(await mesh.submit(0, keyValueOperation('l', 'w'), 3000)).toMatchObject({ ok: true })
})

test('with two of four down nothing becomes final, and nothing is lost', async () => {
  await using mesh = await openMesh()
  await mesh.submit(0, keyValueOperation('a', '1'))
  await mesh.close(2)
  await mesh.close(3)
  const before = mesh.heights()[0]!
  const pending = mesh.node(0).submit(keyValueOperation('b', '2'))
  await mesh.world.run(20_000)
  expect(mesh.heights()[0]! - before).toBeLessThanOrEqual(1n)
  await mesh.open(2)
  await mesh.world.run(40_000)
  expect((await pending).ok).toBe(true)
})

test('a network that is cut in two stops, and goes on when it heals', async () => {
  await using mesh = await openMesh()
  await mesh.world.run(1000)
  mesh.world.cut([
    [0, 1],
    [2, 3],
  ])
  const left = mesh.node(0).submit(keyValueOperation('left', '1'))
  const right = mesh.node(3).submit(keyValueOperation('right', '2'))
  await mesh.world.run(500)
  const [before = 0n] = mesh.heights()
  await mesh.world.run(30_000)
  expect(mesh.heights()[0]).toBe(before)
  mesh.world.heal()
  await mesh.world.run(60_000)
  expect([(await left).ok, (await right).ok]).toEqual([true, true])
  expect(
    new Set(mesh.nodes.map((node) => node?.finalized(before + 2n)?.header.stateRoot.join())).size,
  ).toBe(1)
})

test('one cut off alone falls behind and catches up', async () => {
  await using mesh = await openMesh()
  mesh.world.cut([[0, 1, 2]])
  for (let number = 0; number < 100; number++) {
    await mesh.submit(0, keyValueOperation(`k${number}`, 'v'))
  }
  expect(mesh.heights()[3]).toBe(0n)
  mesh.world.heal()
  await mesh.world.run(10_000)
  expect(mesh.heights()[3]).toBeGreaterThanOrEqual(100n)
  expect(mesh.node(3).state().root).toEqual(mesh.node(0).state().root)
})

test.each([1, 2, 3])('on a bad network all agree and go on (seed %i)', async (seed) => {
  await using mesh = await openMesh({ seed, loss: 0.1, repeat: 0.1, delayMs: [1, 60] })
  const blocks: string[][] = [[], [], [], []]
  for (const [index, list] of blocks.entries()) {
    mesh.node(index).follow(({ finalized }) => list.push(toHex(headerHash(finalized.header))))
  }
  const results = Promise.all(
    [0, 1, 2, 3].map((index) => mesh.node(index).submit(keyValueOperation(`k${index}`, 'v'))),
  )
  await mesh.world.run(60_000)
  expect((await results).every(({ ok }) => ok)).toBe(true)
  const least = Math.min(...blocks.map(({ length }) => length))
  expect(least).toBeGreaterThan(10)
  for (const list of blocks) expect(list.slice(0, least)).toEqual(blocks[0]!.slice(0, least))
})

test('a block that becomes final through a later one is proven by it, also to one who comes late', async () => {
  let isDeaf = true
  const through = (network: Network): Network => ({
    ...network,
    broadcast: (message) => {
      const isFinalize = message.length === 115 && message[0] === FINALIZE
      if (!isDeaf || !isFinalize) network.broadcast(message)
    },
  })
  const node = { through }
  await using mesh = await openMesh({}, [node, node, node])
  const blocks: FollowedBlock[] = []
  mesh.node(1).follow((block) => blocks.push(block))
  await mesh.world.run(6000)
  expect(mesh.heights()[0]).toBe(0n)
  isDeaf = false
  await mesh.world.run(60_000)
  expect(blocks[0]?.finalized.descendants.length).toBeGreaterThan(1)
  for (const { finalized } of blocks)
    expect(verifyFinalized(finalized, VALIDATORS, CHAIN)).toBe(true)
  // Restarted ones answer from what they kept.
  for (const index of [0, 1, 2]) {
    await mesh.close(index)
    await mesh.open(index)
  }
  await mesh.open(3)
  await mesh.world.run(10_000)
  expect(mesh.heights()[3]).toBeGreaterThan(5n)
  const late = mesh.node(3).finalized(1n)
  expect(late?.header).toEqual(blocks[0]?.finalized.header)
  expect(late?.descendants.length).toBeGreaterThan(0)
  expect(late && verifyFinalized(late, VALIDATORS, CHAIN)).toBe(true)
})

/** Keeps from the network what `drops` says, while `state.isDeaf`. */
function dropping(state: { isDeaf: boolean }, drops: (message: Uint8Array) => boolean) {
  return (network: Network): Network => ({
    ...network,
    broadcast: (message) => {
      if (!state.isDeaf || !drops(message)) network.broadcast(message)
    },
  })
}

const isFinalize = (message: Uint8Array): boolean =>
  message.length === 115 && message[0] === FINALIZE

const isProposal = (message: Uint8Array): boolean => proposalCodec.decode(message).ok

test('one that has missed why views were given up asks for it, when its vote is needed', async () => {
  const state = { isDeaf: true }
  const node = { through: dropping(state, isProposal) }
  await using mesh = await openMesh({}, [node, node, node, node])
  mesh.world.cut([[0, 1, 2]])
  await mesh.world.run(20_000)
  expect(mesh.heights()[1]).toBe(0n)
  await mesh.close(0)
  state.isDeaf = false
  mesh.world.heal()
  await mesh.world.run(60_000)
  expect(mesh.heights()[1]).toBeGreaterThan(5n)
})

test('one that lacks a block asks for it, when its vote is needed', async () => {
  const noFinal = { through: dropping({ isDeaf: true }, isFinalize) }
  await using mesh = await openMesh({}, [noFinal, noFinal, noFinal])
  let highest = 0n
  mesh.world.watch((_from, _to, message) => {
    const decoded = proposalCodec.decode(message)
    const height = decoded.ok ? decoded.value.header.height : 0n
    if (height > highest) highest = height
  })
  await mesh.world.run(3000)
  await mesh.close(0)
  await mesh.open(3, noFinal)
  const before = highest
  await mesh.world.run(200_000)
  // Nothing is final, so the blocks come one by one, and each new one needs the vote of the late one.
  expect(mesh.heights()[1]).toBe(0n)
  expect(highest).toBeGreaterThan(before + 5n)
})

test('a network slower than a view finds its pace', async () => {
  await using mesh = await openMesh({ delayMs: [1400, 1600] })
  await mesh.world.run(120_000)
  expect(mesh.heights()[0]).toBeGreaterThan(5n)
})

test('all restarted between a vote and the end, the blocks that were voted for are still there', async () => {
  const state = { isDeaf: true }
  const noFinal = { through: dropping(state, isFinalize) }
  await using mesh = await openMesh({}, [noFinal, noFinal, noFinal, noFinal])
  await mesh.world.run(3000)
  state.isDeaf = false
  for (const index of [0, 1, 2, 3]) await mesh.close(index)
  for (const index of [0, 1, 2, 3]) await mesh.open(index)
  expect(mesh.heights()[1]).toBe(0n)
  await mesh.world.run(10_000)
  expect(mesh.heights()[1]).toBeGreaterThan(5n)
})

test('an observer follows, and gets its operations in, without a vote', async () => {
  await using mesh = await openMesh()
  await mesh.submit(0, keyValueOperation('a', '1'))
  const observer = await mesh.open(4)
  await mesh.world.run(3000)
  expect(observer.state().get(bytes('a'))).toEqual(bytes('1'))
  expect(await mesh.submit(4, keyValueOperation('b', '2'), 5000)).toMatchObject({ ok: true })
})

test('what an observer says is said again until it is heard', async () => {
  let isDeaf = true
  const through = (network: Network): Network => ({
    ...network,
    broadcast: (message) => {
      if (!isDeaf) network.broadcast(message)
    },
  })
  await using mesh = await openMesh()
  await mesh.open(4, { through })
  const submitted = mesh.node(4).submit(keyValueOperation('a', '1'))
  await mesh.world.run(3000)
  expect(mesh.node(0).state().get(bytes('a'))).toBeUndefined()
  isDeaf = false
  expect(await passes(mesh.world, submitted, 5000)).toBe(true)
  expect(await submitted).toMatchObject({ ok: true })
})
