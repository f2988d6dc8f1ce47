import {
  headerHash,
  openConsensus,
  OPERATION_SIZE_MAX,
  verifyFinalized,
  verifyOperation,
  verifyStatePath,
} from '@hypermesh/consensus'
import type { Application } from '@hypermesh/consensus'
import {
  keyValue,
  keyValueOperation,
  networkTests,
  simulate,
  simulatedStorage,
  storageTests,
} from '@hypermesh/consensus/testing'
import { generateSigningKey, toHex } from '@hypermesh/crypto'
import { expect, test } from 'vitest'

import { bytes, CHAIN, openMesh, VALIDATORS } from './mesh.ts'

storageTests('a simulated storage', test, async () => simulatedStorage())
networkTests('a simulated network', test, async (nodes) => {
  const world = simulate({ seed: 1, nodes })
  const networks = Array.from({ length: nodes }, (_, index) => world.network(index))
  return { networks, settle: () => world.run(100) }
})

test('an operation becomes final everywhere, with proof of its place and of what it wrote', async () => {
  await using mesh = await openMesh()
  const operation = keyValueOperation('colour', 'blue')
  const result = await mesh.submit(0, operation, 100)
  if (!result.ok) throw new Error(result.reason)
  const { finalized, place } = result
  expect(verifyFinalized(finalized, VALIDATORS, CHAIN)).toBe(true)
  expect(verifyOperation(finalized.header, operation, place)).toBe(true)
  expect(verifyOperation(finalized.header, keyValueOperation('colour', 'red'), place)).toBe(false)
  await mesh.world.run(50)
  for (const index of [0, 1, 2, 3]) {
    const path = mesh.node(index).state().prove(bytes('colour'))
    expect(path.value).toEqual(bytes('blue'))
    expect(verifyStatePath(mesh.node(index).head()!.header.stateRoot, path)).toBe(true)
  }
})

test('many operations from everywhere become final once each, in one order', async () => {
  await using mesh = await openMesh()
  const orders: string[][] = [[], [], [], []]
  for (const [index, order] of orders.entries()) {
    mesh.node(index).follow(({ operations }) => {
      for (const operation of operations) order.push(new TextDecoder().decode(operation))
    })
  }
  const operations = Array.from({ length: 200 }, (_, number) =>
    keyValueOperation(`k${number}`, 'v'),
  )
  const results = operations.flatMap((operation, number) => [
    mesh.node(number % 4).submit(operation),
    mesh.node((number + 1) % 4).submit(operation),
  ])
  await mesh.world.run(2000)
  for (const result of await Promise.all(results)) expect(result.ok).toBe(true)
  for (const order of orders) expect(order).toEqual(orders[0])
  expect(new Set(orders[0]).size).toBe(200)
  expect(orders[0]).toHaveLength(200)
})

test.each([
  {
    name: 'of the wrong form',
    operation: bytes('nothing'),
    code: 'refused',
    reason: 'not key=value',
  },
  { name: 'too long', operation: new Uint8Array(OPERATION_SIZE_MAX + 1), code: 'too-long' },
])('an operation $name is turned down', async ({ operation, code, reason }) => {
  await using mesh = await openMesh()
  const result = await mesh.submit(0, operation)
  expect(result).toMatchObject({ ok: false, code, ...(reason && { reason }) })
})

test('of two operations for one key, one is final and the other refused', async () => {
  await using mesh = await openMesh()
  const results = Promise.all([
    mesh.node(0).submit(keyValueOperation('k', 'a')),
    mesh.node(2).submit(keyValueOperation('k', 'b')),
  ])
  await mesh.world.run(5000)
  expect((await results).filter(({ ok }) => ok)).toHaveLength(1)
})

/** Counts operations, and would count one again each time it came. */
const counter: Application = {
  check: () => ({ ok: true }),
  apply: (_operation, state) => {
    const [count = 0] = state.get(bytes('count')) ?? []
    return [{ key: bytes('count'), value: Uint8Array.of(count + 1) }]
  },
}

test('an operation that is submitted again resolves to its place, and is not applied again', async () => {
  const node = { application: counter }
  await using mesh = await openMesh({}, [node, node, node, node])
  // Which of the votes make up a certificate differs between nodes; the header and the place do not.
  const place = async (index: number): Promise<unknown> => {
    const result = await mesh.submit(index, bytes('increment'))
    return result.ok && [result.finalized.header, result.place]
  }
  const first = await place(0)
  await mesh.world.run(1000)
  expect(await place(0)).toEqual(first)
  expect(await place(3)).toEqual(first)
  await mesh.close(1)
  await mesh.open(1, node)
  expect(await place(1)).toEqual(first)
  await mesh.world.run(1000)
  expect(mesh.node(2).state().get(bytes('count'))).toEqual(Uint8Array.of(1))
})

test('an idle chain grows slowly, and at once when there is something to do', async () => {
  await using mesh = await openMesh()
  await mesh.world.run(20_000)
  const [height = 0n] = mesh.heights()
  expect(height).toBeGreaterThan(30n)
  expect(height).toBeLessThanOrEqual(50n)
  expect((await mesh.submit(1, keyValueOperation('k', 'v'), 60)).ok).toBe(true)
})

test('time in the chain only goes forward, and stays near the clocks', async () => {
  const skewed = (by: bigint) => (world: ReturnType<typeof simulate>) => ({
    now: () => world.clock.now() + by,
    wake: (at: bigint, run: () => void) => world.clock.wake(at - by, run),
  })
  await using mesh = await openMesh({}, [undefined, {}, {}, {}])
  await mesh.open(0, { clock: skewed(5000n)(mesh.world) })
  let last = 0n
  const late: bigint[] = []
  mesh.node(1).follow(({ finalized: { header } }) => {
    expect(header.timestamp).toBeGreaterThan(last)
    last = header.timestamp
    late.push(last - mesh.world.clock.now())
  })
  await mesh.world.run(20_000)
  expect(late.length).toBeGreaterThan(10)
  expect(late.every((ms) => ms < 500n && ms > -3000n)).toBe(true)
})

test('a leader whose clock is a little slow still gives its block a later time than the last', async () => {
  await using mesh = await openMesh({}, [undefined, {}, {}, {}])
  const { world } = mesh
  const clock = {
    now: () => world.clock.now() - 450n,
    wake: (at: bigint, run: () => void) => world.clock.wake(at + 450n, run),
  }
  await mesh.open(0, { clock })
  for (let number = 0; number < 40; number++) {
    await mesh.submit(number % 4, keyValueOperation(`k${number}`, 'v'))
  }
  // No view failed.
  const { height, view } = mesh.node(1).head()!.header
  expect(view).toBe(height)
})

test('one validator alone is a chain too', async () => {
  const key = generateSigningKey('ed25519')
  const validators = [{ key: key.publicKey, stake: 1n }]
  const options = { validators, self: { index: 0, key } }
  await using mesh = await openMesh({}, [{ options }])
  const result = await mesh.submit(0, keyValueOperation('k', 'v'), 100)
  expect(result.ok && verifyFinalized(result.finalized, validators, CHAIN)).toBe(true)
  await mesh.world.run(4000)
  expect(mesh.heights()[0]).toBeLessThanOrEqual(12n)
})

test('an application that throws refuses, and does not stop the chain', async () => {
  const application: Application = {
    check: (operation, state, context) => {
      if (operation.length > 20) throw new Error('too much')
      return keyValue.check(operation, state, context)
    },
    apply: (operation, state, context) => {
      if (operation[0] === 33) throw new Error('unspeakable')
      return keyValue.apply(operation, state, context)
    },
  }
  const node = { application }
  await using mesh = await openMesh({}, [node, node, node, node])
  const failed = mesh
    .node(0)
    .submit(keyValueOperation('!', 'v'), { signal: AbortSignal.abort('late') })
  await expect(failed).rejects.toBe('late')
  const refused = await mesh.submit(0, new Uint8Array(21))
  expect(refused).toMatchObject({ ok: false, code: 'refused' })
  expect(await mesh.submit(1, keyValueOperation('k', 'v'))).toMatchObject({ ok: true })
})

test('a validator whose application is another one gets no block through, and stops', async () => {
  const odd: Application = {
    ...keyValue,
    apply: (operation, state, context) => [
      ...keyValue.apply(operation, state, context),
      { key: bytes('odd'), value: bytes('1') },
    ],
  }
  await using mesh = await openMesh({}, [{ application: odd }, {}, {}, {}])
  const results = [1, 2, 3].map((index) =>
    mesh.node(index).submit(keyValueOperation(`k${index}`, 'v')),
  )
  const done = expect(mesh.node(0).done).rejects.toMatchObject({ code: 'state-diverged' })
  await mesh.world.run(20_000)
  expect((await Promise.all(results)).every(({ ok }) => ok)).toBe(true)
  expect(mesh.node(1).state().get(bytes('odd'))).toBeUndefined()
  await done
  await expect(mesh.node(0).submit(bytes('k=v'))).rejects.toMatchObject({ code: 'state-diverged' })
})

test('blocks know their ancestors, and the same ones everywhere', async () => {
  const seen = new Map<string, string>()
  const application: Application = {
    ...keyValue,
    check: (operation, state, context) => {
      const { height, parent } = context
      const known = [0n, height - 2n, height - 1n, height].map((at) =>
        at < 0n ? undefined : context.ancestor(at)?.height,
      )
      expect(known.slice(-2)).toEqual([height - 1n, undefined])
      if (height > 2n) expect(known).toEqual([0n, height - 2n, height - 1n, undefined])
      const place = `${height}/${toHex(parent)}`
      const text = toHex(headerHash(context.ancestor(height - 1n)!))
      expect(seen.get(place) ?? text).toBe(text)
      seen.set(place, text)
      return keyValue.check(operation, state, context)
    },
  }
  const node = { application }
  await using mesh = await openMesh({}, [node, node, node, node])
  for (let number = 0; number < 20; number++) {
    const result = await mesh.submit(number % 4, keyValueOperation(`k${number}`, 'v'))
    expect(result).toMatchObject({ ok: true })
  }
})

test('what is closed answers no more, and leaves nothing behind', async () => {
  const mesh = await openMesh()
  const node = mesh.node(0)
  const pending = node.submit(keyValueOperation('k', 'v'))
  const rejected = expect(pending).rejects.toMatchObject({ code: 'closed' })
  await mesh[Symbol.asyncDispose]()
  await rejected
  await node.done
  await expect(node.submit(bytes('k=v'))).rejects.toMatchObject({ code: 'closed' })
  await mesh.world.run(60_000)
})

test('who waits no longer is told so, and the operation may still become final', async () => {
  await using mesh = await openMesh()
  const controller = new AbortController()
  const pending = mesh.node(0).submit(keyValueOperation('k', 'v'), { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(pending).rejects.toThrow('enough')
  await mesh.world.run(1000)
  expect(mesh.node(0).state().get(bytes('k'))).toEqual(bytes('v'))
})

test.each([
  { name: 'no validators', options: { validators: [] }, code: 'bad-validators' },
  {
    name: 'one validator twice',
    options: { validators: [VALIDATORS[0]!, VALIDATORS[0]!] },
    code: 'bad-validators',
  },
  {
    name: 'a malformed key',
    options: { validators: [{ key: bytes('key'), stake: 1n }] },
    code: 'bad-validators',
  },
  {
    name: "another's key",
    options: { self: { index: 1, key: generateSigningKey('ed25519') } },
    code: 'bad-options',
  },
  { name: 'a chain without a name', options: { chainId: bytes('chain') }, code: 'bad-options' },
])('a chain with $name is not opened', async ({ options, code }) => {
  const world = simulate({ seed: 1, nodes: 1 })
  const base = {
    chainId: CHAIN,
    validators: VALIDATORS,
    network: world.network(0),
    clock: world.clock,
    storage: simulatedStorage(),
    application: keyValue,
    genesis: [],
  }
  await expect(openConsensus({ ...base, ...options })).rejects.toMatchObject({ code })
})

test.each([
  { name: 'another genesis', options: { genesis: [{ key: bytes('k'), value: bytes('v') }] } },
  { name: 'another epoch', options: { epoch: 1n } },
])('a journal is not taken for a chain with $name', async ({ options }) => {
  await using mesh = await openMesh({}, [{}])
  await mesh.close(0)
  await expect(mesh.open(0, { options })).rejects.toMatchObject({ code: 'journal-foreign' })
})

test('a journal is not taken from another validator', async () => {
  await using mesh = await openMesh({}, [{}])
  await mesh.close(0)
  const storage = mesh.storages[0]!.reopen()
  await expect(mesh.open(1, { storage })).rejects.toMatchObject({ code: 'journal-foreign' })
})
