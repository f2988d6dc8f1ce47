import assert from 'node:assert/strict'

import type { OpenCarrier } from '../carrier.ts'
import { createPair, pattern } from './pair.ts'
import type { Runner } from './runner.ts'

/** What requests and their handlers promise, over any carrier. */
export function requestTests(test: Runner, carrier: OpenCarrier): void {
  test('a request is answered, many at once and each with its own response', async () => {
    await using pair = await createPair(carrier)
    pair.there.handleRequest('test/reverse', async (body, peer) => {
      assert.deepEqual(peer.key, pair.here.address.key)
      return body.toReversed()
    })
    const connection = await pair.connect()
    const bodies = [0, 1, 100, 70_000, 1_000_000].map((length) => pattern(length, length))
    const responses = await Promise.all(
      bodies.map((body) => connection.request('test/reverse', body)),
    )
    assert.deepEqual(
      responses.map((response) => response.toReversed()),
      bodies,
    )
  })

  test('a connection carries requests both ways', async () => {
    await using pair = await createPair(carrier)
    pair.here.handleRequest('test/name', async () => Uint8Array.of(1))
    const { promise, resolve } = Promise.withResolvers<Uint8Array>()
    pair.there.onPeer((back) => resolve(back.request('test/name', new Uint8Array(0))))
    await pair.connect()
    assert.deepEqual(await promise, Uint8Array.of(1))
  })

  test('what is not served, not taken or not answered has a code', async () => {
    await using pair = await createPair(carrier)
    const { there } = pair
    there.handleRequest('test/short', async () => new Uint8Array(100), { requestMax: 1_000 })
    there.handleRequest('test/throws', () => Promise.reject(new Error('the secret is 42')))
    const connection = await pair.connect()
    const empty = new Uint8Array(0)
    await assert.rejects(connection.open('test/none'), { code: 'unknown-protocol' })
    await assert.rejects(connection.request('test/none', empty), { code: 'unknown-protocol' })
    await assert.rejects(connection.request('test/short', pattern(1_001)), { code: 'too-long' })
    // Longer than all windows: the peer answers before it has read the body, and stops it.
    await assert.rejects(connection.request('test/short', pattern(8_000_000)), { code: 'too-long' })
    await assert.rejects(connection.request('test/short', empty, { responseMax: 99 }), {
      code: 'too-long',
    })
    await assert.rejects(connection.request('test/throws', empty), (error: Error) => {
      assert.ok(!error.message.includes('42'))
      return 'code' in error && error.code === 'failed'
    })
    assert.equal(there.counts().failed, 1)
    assert.equal((await connection.request('test/short', empty)).length, 100)
  })

  test('a request that is given up ends at once, and its handler hears of it', async () => {
    await using pair = await createPair(carrier)
    const { promise: heard, resolve } = Promise.withResolvers<AbortSignal>()
    const { promise: gone, resolve: onGone } = Promise.withResolvers<void>()
    pair.there.handleRequest('test/never', async (_body, _peer, { signal }) => {
      signal.addEventListener('abort', () => onGone())
      resolve(signal)
      return new Promise(() => undefined)
    })
    const connection = await pair.connect()
    const caller = new AbortController()
    const asked = connection.request('test/never', new Uint8Array(5), { signal: caller.signal })
    asked.catch(() => undefined)
    await heard
    caller.abort()
    await assert.rejects(asked, { code: 'aborted' })
    await gone
    await assert.rejects(connection.open('test/never', { signal: caller.signal }), {
      code: 'aborted',
    })
  })

  test('a protocol has one handler and a name that can be read', async () => {
    await using pair = await createPair(carrier)
    pair.here.handle('test/once', () => undefined)
    assert.throws(() => pair.here.handleRequest('test/once', async (body) => body), {
      code: 'protocol-taken',
    })
    for (const name of ['', 'a b', 'é', 'x'.repeat(65)]) {
      assert.throws(() => pair.here.handle(name, () => undefined), { code: 'bad-protocol' })
    }
    const connection = await pair.connect()
    await assert.rejects(connection.open('a b'), { code: 'bad-protocol' })
  })
}
