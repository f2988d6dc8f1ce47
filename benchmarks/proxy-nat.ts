/**
 * Reads of remote memory: one at a time, many at a time, and large ones; over a stream in memory and over a real
 * socket on the loopback, beside a bare loop of requests and replies of the same sizes on such a socket.
 */

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { generateSigningKey } from '@hypermesh/crypto'
import {
  assetAddress,
  attach,
  type ByteStream,
  createTranslation,
  grant,
  nodeAddress,
  type RemoteRegion,
  serveMemory,
} from '@hypermesh/proxy-nat'
import { simulatedRegions, simulatedTrust, streamPair } from '@hypermesh/proxy-nat/testing'

const MIB = 1_048_576
const SMALL = 64
const ROUND_MS = 700
const AT_A_TIME = 32

type StreamPair = readonly [ByteStream, ByteStream]

export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  print(`one process, both ends; each figure from ${ROUND_MS} ms after a warm-up`)
  const figures: Record<string, number> = {}
  const note = (name: string, value: number, unit: string): void => {
    figures[name] = Math.round(value)
    print(`${name.padEnd(28)} ${Math.round(value).toLocaleString('en').padStart(12)} ${unit}`)
  }
  const carriers: readonly [string, StreamPair][] = [
    ['memory', streamPair()],
    ['socket', await sockets()],
  ]
  for (const [name, pair] of carriers) {
    await using region = await remoteRegion(pair)
    note(
      `${name}Read64PerSecond`,
      await perSecond(async () => read(region, SMALL)),
      '/s, one at a time',
    )
    const many = async (): Promise<void> => {
      await Promise.all(Array.from({ length: AT_A_TIME }, async () => read(region, SMALL)))
    }
    note(
      `${name}Read64Pipelined`,
      AT_A_TIME * (await perSecond(many)),
      `/s, ${AT_A_TIME} at a time`,
    )
    note(`${name}Read1MiB`, await perSecond(async () => read(region, MIB)), 'MiB/s, one at a time')
    note(`${name}Read64MiB`, 64 * (await perSecond(async () => read(region, 64 * MIB))), 'MiB/s')
    const bytes = new Uint8Array(MIB)
    const write = async (): Promise<void> => expectOk(await region.write(0, bytes))
    note(`${name}Write1MiB`, await perSecond(write), 'MiB/s, one at a time')
  }
  const ask = await bareLoop()
  note('bareSocket64PerSecond', await perSecond(async () => ask(SMALL)), '/s, one at a time')
  note('bareSocket1MiB', await perSecond(async () => ask(MIB)), 'MiB/s, one at a time')
  ask.end()
  return figures
}

async function perSecond(act: () => Promise<void>): Promise<number> {
  for (const end = performance.now() + ROUND_MS / 4; performance.now() < end;) await act()
  const start = performance.now()
  let count = 0
  while (performance.now() - start < ROUND_MS) {
    await act()
    count += 1
  }
  return (count * 1000) / (performance.now() - start)
}

async function read(region: RemoteRegion, length: number): Promise<void> {
  expectOk(await region.read(0, length))
}

function expectOk(
  result: { readonly ok: true } | { readonly ok: false; readonly refusal: object },
): void {
  if (!result.ok) throw new Error(JSON.stringify(result.refusal))
}

/** 64 MiB behind the far end of a pair, attached through the near one. */
async function remoteRegion([near, far]: StreamPair): Promise<RemoteRegion> {
  const [owner, holder] = [generateSigningKey('ed25519'), generateSigningKey('ed25519')]
  const falcon1024 = new Uint8Array(1793)
  const self = nodeAddress({ ed25519: owner.publicKey, falcon1024 })
  const assetId = new Uint8Array(32)
  const address = assetAddress(self, assetId)
  const length = 64 * MIB
  const regions = simulatedRegions()
  regions.lend(address, 0, new Uint8Array(length))
  const table = createTranslation({ regions })
  const trust = simulatedTrust()
  trust.own(address, { node: self, key: owner.publicKey })
  void serveMemory({ self, table, trust, stream: far, peer: holder.publicKey })
  const capability = grant({
    owner,
    falcon1024,
    assetId,
    region: 0,
    generation: table.generation(address, 0) ?? 0,
    audience: holder.publicKey,
    rights: ['attach', 'read', 'write'],
    offset: 0,
    length,
    notBefore: 0n,
    notAfter: 1n,
  })
  const pointer = { address, region: 0, offset: 0, length }
  const links = { open: async () => near }
  const attached = await attach({ links, trust, capability, pointer, holder })
  if (!attached.ok) throw new Error(attached.refusal.code)
  return attached.region
}

async function socketPair(): Promise<readonly [Socket, Socket]> {
  const server = createServer({ noDelay: true }).listen(0, '::1')
  await once(server, 'listening')
  const accepted = Promise.withResolvers<Socket>()
  server.once('connection', accepted.resolve)
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const near = connect({ port: address.port, host: '::1', noDelay: true })
  const far = await accepted.promise
  server.close()
  return [near, far]
}

async function sockets(): Promise<StreamPair> {
  const [near, far] = await socketPair()
  return [overSocket(near), overSocket(far)]
}

function overSocket(socket: Socket): ByteStream {
  socket.on('error', () => {})
  const chunks: AsyncIterator<Uint8Array> = socket[Symbol.asyncIterator]()
  return {
    read: async () => {
      const { done, value } = await chunks.next()
      return done === true ? null : value
    },
    write: async (bytes) => {
      if (!socket.write(bytes)) await once(socket, 'drain')
    },
    end: async () => void socket.end(),
    reset: () => void socket.destroy(),
  }
}

/** What the socket gives without a protocol: four bytes ask for so many, and so many come. */
async function bareLoop(): Promise<{ (length: number): Promise<void>; end(): void }> {
  const [near, far] = await socketPair()
  const memory = new Uint8Array(MIB)
  far.on('data', (bytes) => {
    far.write(memory.subarray(0, new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)))
  })
  let left = 0
  let done = (): void => {}
  near.on('data', (bytes) => {
    left -= bytes.length
    if (left === 0) done()
  })
  const ask = async (length: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    left = length
    done = resolve
    const request = new Uint8Array(4)
    new DataView(request.buffer).setUint32(0, length)
    near.write(request)
    await promise
  }
  return Object.assign(ask, { end: () => void near.end() })
}
