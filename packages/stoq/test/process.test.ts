import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { expect, onTestFinished, test } from 'vitest'

import { fromHex, generateSigningKey, toHex } from '@hypermesh/crypto'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'
import type { Connection } from '@hypermesh/stoq'

function start(file: URL, ...words: string[]): ChildProcess & { printed(): string } {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(file), ...words], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 20_000,
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let printed = ''
  child.stdout.on('data', (chunk: Uint8Array) => (printed += new TextDecoder().decode(chunk)))
  return Object.assign(child, { printed: () => printed })
}

/** A node in another process, and this one's connection to it. */
async function connected(): Promise<{ child: ChildProcess; connection: Connection }> {
  const key = generateSigningKey('ed25519')
  const child = start(new URL('peer.ts', import.meta.url), toHex(key.publicKey))
  while (!child.printed().includes('\n')) await setTimeout(5)
  const [port, hex = ''] = child.printed().trim().split(' ')
  const there = fromHex(hex)
  const limits = { idleMs: 1_000 }
  const endpoint = await createEndpoint({ key, authenticator: pinnedKeys([there]), limits })
  onTestFinished(() => endpoint[Symbol.asyncDispose]())
  const connection = await endpoint.connect({ host: '::1', port: Number(port), key: there })
  // One round trip: the other side, too, knows that both are in.
  await expect(connection.open('test/none')).rejects.toMatchObject({ code: 'unknown-protocol' })
  return { child, connection }
}

test('the example runs, and its process ends by itself', async () => {
  const child = start(new URL('../../../examples/stoq.ts', import.meta.url))
  const [code] = await once(child, 'close')
  expect(code).toBe(0)
  expect(child.printed()).toContain('2, 4, 6')
})

test('a node that closes, with a connection and a dial, tells its peer and ends its process', async () => {
  const { child, connection } = await connected()
  const ended = once(child, 'close')
  child.stdin?.end()
  await connection.closed
  expect(connection.closeReason).toBe('closing')
  expect(await Promise.race([ended, setTimeout(2_500, 'late')])).toEqual([0, null])
})

test('a node that is killed is lost within the idle time', async () => {
  const { child, connection } = await connected()
  child.kill('SIGKILL')
  const closed = connection.closed.then(() => connection.closeReason)
  expect(await Promise.race([closed, setTimeout(4_000, 'late')])).toBe('lost')
})
