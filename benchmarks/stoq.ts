import { spawn } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import tls from 'node:tls'

import { concat, fromHex, generateSigningKey, toHex } from '@hypermesh/crypto'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'
import type { Connection, Stream } from '@hypermesh/stoq'

const PIECE = new Uint8Array(1_048_576)
const WORD = new Uint8Array(64)
const BULK_MS = 1_500
const CHAT_MS = 700
const ROUNDS = 5

/** What a child says: where it listens at first, then its CPU time in microseconds whenever it is asked. */
interface Places {
  readonly stoq: number
  readonly tls: number
  readonly key: string
  readonly certificate: string
}

/**
 * One stream of 1 MiB writes, and 64-byte round trips, from this process to another over [::1]; stoq beside TLS 1.3 of
 * `node:tls`, in turns. Medians of five. Bytes count when the receiver has confirmed them; CPU time is that of both
 * processes.
 */
export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const key = generateSigningKey('ed25519')
  const child = spawn(process.execPath, [...process.execArgv, import.meta.filename], {
    env: { ...process.env, STOQ_BENCH_PEER: toHex(key.publicKey) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const died = once(child, 'exit').then(() => Promise.reject(new Error('the other process ended')))
  died.catch(() => undefined)
  const heard = async <T>(): Promise<T> => {
    const [message] = (await Promise.race([once(child, 'message'), died])) as [T]
    return message
  }
  const places = await heard<Places>()
  const cpu = async (): Promise<number> => {
    child.send('cpu')
    const theirs = await heard<number>()
    const own = process.cpuUsage()
    return (own.user + own.system + theirs) / 1e6
  }
  const there = fromHex(places.key)
  await using endpoint = await createEndpoint({ key, authenticator: pinnedKeys([there]) })
  const connection = await endpoint.connect({ host: '::1', port: places.stoq, key: there })

  const samples: Record<string, number[]> = {}
  const note = (name: string, value: number): unknown => (samples[name] ??= []).push(value)
  const bulk = async (name: string, send: () => Promise<number>): Promise<void> => {
    const [cpuBefore, before] = [await cpu(), performance.now()]
    const gigabits = ((await send()) * 8) / 1e9
    const seconds = (performance.now() - before) / 1_000
    note(`${name}GbitPerCoreSecond`, gigabits / ((await cpu()) - cpuBefore))
    note(`${name}GbitPerSecond`, gigabits / seconds)
  }
  for (let round = 0; round < ROUNDS; round++) {
    await bulk('stoq', async () => sendBulk(streamPort(await connection.open('bench/sink'))))
    await bulk('tls', async () => sendBulk(await socketPort(places, 'sink')))
    note('stoqRoundTripsPerSecond', await chat(streamPort(await connection.open('bench/echo'))))
    note('tlsRoundTripsPerSecond', await chat(await socketPort(places, 'echo')))
    note('stoqRequestsPerSecond', await requests(connection))
  }
  child.disconnect()
  await died.catch(() => undefined)

  const figures: Record<string, number> = {}
  for (const [name, values] of Object.entries(samples)) {
    const sorted = values.toSorted((a, b) => a - b)
    const median = sorted[values.length >> 1] ?? Number.NaN
    figures[name] = median
    const span = `${sorted[0]?.toFixed(2)} to ${sorted.at(-1)?.toFixed(2)}`
    print(`${name.padEnd(26)} ${median.toFixed(2).padStart(9)}   ${span}`)
  }
  return figures
}

/** The little that both transports have in common. */
interface Port {
  write(bytes: Uint8Array): Promise<void>
  read(): Promise<Uint8Array | null>
  end(): Promise<void>
}

async function sendBulk(port: Port): Promise<number> {
  const until = performance.now() + BULK_MS
  while (performance.now() < until) await port.write(PIECE)
  await port.end()
  const confirmed = await port.read()
  if (confirmed?.length !== 8) throw new Error('the receiver did not confirm')
  return new DataView(confirmed.buffer, confirmed.byteOffset).getFloat64(0)
}

async function chat(port: Port): Promise<number> {
  const start = performance.now()
  let count = 0
  for (; performance.now() < start + CHAT_MS; count++) {
    await port.write(WORD)
    for (let size = 0; size < WORD.length;) size += (await port.read())?.length ?? Number.NaN
  }
  const rate = (count * 1_000) / (performance.now() - start)
  await port.end()
  return rate
}

async function requests(connection: Connection): Promise<number> {
  const start = performance.now()
  let count = 0
  for (; performance.now() < start + CHAT_MS; count++) await connection.request('bench/ask', WORD)
  return (count * 1_000) / (performance.now() - start)
}

function streamPort(stream: Stream): Port {
  return stream
}

async function socketPort(places: Places, task: string): Promise<Port> {
  const ca = places.certificate
  const checkServerIdentity = (): undefined => undefined
  const socket = tls.connect({
    host: '::1',
    port: places.tls,
    ca,
    checkServerIdentity,
    ALPNProtocols: [task],
  })
  await once(socket, 'secureConnect')
  return portOf(socket)
}

function portOf(socket: Socket): Port {
  const chunks = socket.iterator({ destroyOnReturn: false })
  return {
    write: async (bytes) => {
      if (!socket.write(bytes)) await once(socket, 'drain')
    },
    read: async () => {
      const next = (await chunks.next()) as IteratorResult<Uint8Array, undefined>
      return next.done ? null : next.value
    },
    end: async () => void socket.end(),
  }
}

async function serve(port: Port, task: string): Promise<void> {
  let size = 0
  for (let bytes = await port.read(); bytes !== null; bytes = await port.read()) {
    size += bytes.length
    if (task === 'echo') await port.write(bytes)
  }
  const confirmed = new Uint8Array(8)
  new DataView(confirmed.buffer).setFloat64(0, size)
  if (task === 'sink') await port.write(confirmed)
  await port.end()
}

/** The other process: serves until its parent lets go. */
async function peer(parent: Uint8Array): Promise<void> {
  const key = generateSigningKey('ed25519')
  await using endpoint = await createEndpoint({ key, authenticator: pinnedKeys([parent]) })
  endpoint.handle('bench/sink', (stream) => serve(streamPort(stream), 'sink'))
  endpoint.handle('bench/echo', (stream) => serve(streamPort(stream), 'echo'))
  endpoint.handleRequest('bench/ask', async (body) => body)
  const pair = generateKeyPairSync('ed25519')
  const options = {
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: certificate(pair),
    ALPNProtocols: ['sink', 'echo'],
    allowHalfOpen: true,
  }
  const server = tls.createServer(options, (socket) => {
    serve(portOf(socket), String(socket.alpnProtocol)).catch(() => socket.destroy())
  })
  server.listen(0, '::1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no address')
  process.on('message', () => {
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  })
  const places = { stoq: endpoint.address.port, tls: address.port, key: toHex(key.publicKey) }
  process.send?.({ ...places, certificate: options.cert } satisfies Places)
  await once(process, 'disconnect')
  server.close()
}

// A self-signed certificate, RFC 5280: node:tls takes no bare key, and Node makes no certificates.
function certificate(pair: {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}): string {
  const der = (tag: number, ...parts: Uint8Array[]): Uint8Array => {
    const body = concat(...parts)
    const { length } = body
    const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 255]
    return concat(Uint8Array.from(head), body)
  }
  const text = (tag: number, value: string): Uint8Array => der(tag, new TextEncoder().encode(value))
  const ed25519 = fromHex('300506032b6570')
  const name = der(0x30, der(0x31, der(0x30, fromHex('0603550403'), text(0x0c, 'bench'))))
  const validity = der(0x30, text(0x17, '250101000000Z'), text(0x17, '491231235959Z'))
  const spki = new Uint8Array(pair.publicKey.export({ type: 'spki', format: 'der' }))
  const version = fromHex('a003020102')
  const serial = fromHex('020101')
  const signed = der(0x30, version, serial, ed25519, name, validity, name, spki)
  const signature = der(0x03, Uint8Array.of(0), new Uint8Array(sign(null, signed, pair.privateKey)))
  const whole = der(0x30, signed, ed25519, signature)
  const lines = btoa(String.fromCharCode(...whole)).match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

const parent = process.env['STOQ_BENCH_PEER']
if (process.send && parent !== undefined) await peer(fromHex(parent))
