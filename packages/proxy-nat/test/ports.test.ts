import { connect, createServer, type Socket } from 'node:net'
import { once } from 'node:events'
import type { ByteStream } from '@hypermesh/proxy-nat'
import { createBindings, serveMemory, signBinding } from '@hypermesh/proxy-nat'
import {
  byteStreamTests,
  regionsTests,
  simulatedRegions,
  simulatedTrust,
  streamPair,
  trustSourceTests,
} from '@hypermesh/proxy-nat/testing'
import { afterAll, describe, expect, test } from 'vitest'
import { asset, assetId, codeOf, createWorld, falcon1024, holder, node, owner } from './world.ts'

const server = createServer({ allowHalfOpen: true })
server.listen(0, '::1')
afterAll(() => server.close())

async function socketPair(): Promise<readonly [ByteStream, ByteStream]> {
  if (!server.listening) await once(server, 'listening')
  const accepted = Promise.withResolvers<Socket>()
  server.once('connection', accepted.resolve)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const near = connect({ port: address.port, host: '::1', allowHalfOpen: true })
  const far = await accepted.promise
  return [overSocket(near), overSocket(far)]
}

function overSocket(socket: Socket): ByteStream {
  socket.on('error', () => {})
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  return {
    read: async () => {
      const { done, value } = await chunks.next()
      if (done !== true) return value
      // An iterator ends alike for an end and for a destroyed socket; the socket knows.
      if (socket.readableEnded) return null
      throw new Error('the stream was reset')
    },
    write: async (bytes) => {
      await new Promise<void>((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()))
      })
    },
    end: async () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  }
}

describe('a simulated stream', () => byteStreamTests(test, async () => streamPair()))
describe('a simulated stream in pieces', () =>
  byteStreamTests(test, async () => streamPair({ chunkMax: 4000, seed: 7 })))
test('a writer to a simulated stream waits for its reader', async () => {
  const [near, far] = streamPair({ capacity: 100 })
  await near.write(new Uint8Array(100))
  let isTaken = false
  const writing = near.write(new Uint8Array(1)).then(() => (isTaken = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(isTaken).toBe(false)
  await far.read()
  expect(await writing).toBe(true)
})

describe('a socket', () => byteStreamTests(test, socketPair))

describe('simulated regions', () =>
  regionsTests(test, async () => {
    const regions = simulatedRegions()
    return {
      regions,
      asset,
      region: 0,
      lend: async () => regions.lend(asset, 0, new Uint8Array(16)),
      reclaim: async () => regions.reclaim(asset, 0),
    }
  }))

describe('simulated trust', () =>
  trustSourceTests(test, async () => {
    const trust = simulatedTrust()
    trust.own(asset, { node, key: owner.publicKey })
    return { trust, asset, revoke: async (grant) => trust.revoke(grant) }
  }))

describe('trust that knows places by their bindings', () =>
  trustSourceTests(test, async () => {
    const trust = simulatedTrust()
    const bindings = createBindings(trust)
    bindings.accept(signBinding({ owner, falcon1024, assetId, node, epoch: 1n, notAfter: 99n }))
    return {
      trust: { ...trust, owner: bindings.owner },
      asset,
      revoke: async (grant) => trust.revoke(grant),
    }
  }))

test('memory is read and written over a real socket', async () => {
  const world = createWorld({ size: 3_000_000 })
  const [near, far] = await socketPair()
  const served = serveMemory({
    self: node,
    table: world.table,
    trust: world.trust,
    stream: far,
    peer: holder.publicKey,
  })
  const region = await world.region({ links: { open: async () => near } })
  const sent = Uint8Array.from({ length: 3_000_000 }, (_, at) => at % 251)
  expect(codeOf(await region.write(0, sent))).toBe('ok')
  const back = await region.read(0, sent.length)
  expect(back.ok && back.bytes.every((byte, at) => byte === sent[at])).toBe(true)
  await region[Symbol.asyncDispose]()
  expect(await served).toEqual({ ended: 'end', answered: 8 })
})
