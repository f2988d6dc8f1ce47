import { MESSAGE_SIZE_MAX } from '@hypermesh/consensus'
import type { Application, Storage } from '@hypermesh/consensus'
import { simulatedStorage } from '@hypermesh/consensus/testing'
import type { SimulatedStorage } from '@hypermesh/consensus/testing'
import { field, union } from '@hypermesh/crypto'
import { expect, test } from 'vitest'

import { bytes, openMesh } from './mesh.ts'

const operationsCodec = union('hypermesh/talk', 1, MESSAGE_SIZE_MAX, {
  operations: {
    operations: field.list(field.bytes({ max: 1024 * 1024 }), { max: 1024 }),
  },
})

function operationsMessage(operations: readonly Uint8Array[]): Uint8Array {
  return operationsCodec.encode({ type: 'operations', operations })
}

/** Lets everything in, or nothing, and counts how often it is asked. */
function counting(isWelcome = true): Application & { readonly checks: number } {
  let checks = 0
  return {
    get checks() {
      return checks
    },
    check: () => {
      checks++
      return isWelcome ? { ok: true } : { ok: false, reason: 'never' }
    },
    apply: () => [],
  }
}

test('a peer fills a quarter of the pool, and its own node the rest', async () => {
  const application = counting()
  // One of four: nothing becomes final, and all that comes waits.
  await using mesh = await openMesh({}, [{ application }])
  const peer = mesh.world.network(1)
  for (let batch = 0; batch < 10; batch++) {
    const operations = Array.from({ length: 1000 }, (_, number) => bytes(`peer ${batch} ${number}`))
    peer.send(0, operationsMessage(operations))
  }
  await mesh.world.run(50)
  expect(application.checks).toBe(2048)
  const results: string[] = []
  const own = Array.from({ length: 8000 }, (_, number) =>
    mesh.node(0).submit(bytes(`own ${number}`)),
  )
  for (const one of own) {
    one.then(
      (result) => results.push(result.ok ? 'final' : result.code),
      () => results.push('closed'),
    )
  }
  await mesh.world.run(50)
  expect(results).toHaveLength(8000 - (8192 - 2048))
  expect(new Set(results)).toEqual(new Set(['pool-full']))
})

test('a peer fills no more than a quarter of the bytes', async () => {
  const application = counting()
  await using mesh = await openMesh({}, [{ application }])
  const peer = mesh.world.network(1)
  for (let number = 0; number < 40; number++) {
    peer.send(0, operationsMessage([new Uint8Array(1_000_000).fill(number)]))
    if (number % 10 === 0) await mesh.world.run(10)
  }
  await mesh.world.run(50)
  expect(application.checks).toBe(16)
})

/** A storage that can be made to wait. */
function waiting(): SimulatedStorage & { hold(): () => void } {
  const storage = simulatedStorage()
  let held: Promise<void> | undefined
  const append: Storage['append'] = async (records) => {
    await held
    return storage.append(records)
  }
  return {
    ...storage,
    append,
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
  }
}

test.each([
  { name: 'messages', count: 3000, size: 10, most: 1024 },
  { name: 'bytes', count: 40, size: 1_000_000, most: 20 },
])(
  'while a node is busy, no more $name of one peer wait than their limit',
  async ({ count, size, most }) => {
    // Refused, so that the pool's own limits play no part.
    const application = counting(false)
    const storage = waiting()
    await using mesh = await openMesh({}, [{ application, storage }])
    const peer = mesh.world.network(1)
    const release = storage.hold()
    // Its own proposal or vote is what it keeps, and waits for.
    await mesh.world.run(2500)
    for (let number = 0; number < count; number++) {
      const operation = new Uint8Array(size)
      new DataView(operation.buffer).setUint32(0, number)
      peer.send(0, operationsMessage([operation]))
    }
    await mesh.world.run(50)
    const before = application.checks
    release()
    await mesh.world.run(1)
    expect(before).toBe(0)
    expect(application.checks).toBeGreaterThan(10)
    expect(application.checks).toBeLessThanOrEqual(most)
  },
)
