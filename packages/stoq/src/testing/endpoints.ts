import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

import { toHex } from '@hypermesh/crypto'

import { pinnedKeys } from '../authenticator.ts'
import type { PeerAuthenticator } from '../authenticator.ts'
import type { OpenCarrier } from '../carrier.ts'
import { createEndpoint } from '../endpoint.ts'
import { StoqError } from '../errors.ts'
import { gather } from '../gather.ts'
import { CREDENTIAL_SIZE_MAX } from '../limits.ts'
import { createPair, pattern, twoKeys } from './pair.ts'
import { requestTests } from './requests.ts'
import type { Runner } from './runner.ts'
import { streamTests } from './streams.ts'

/** What every endpoint promises, over any carrier: the real one and the simulated one pass the same tests. */
export function endpointTests(test: Runner, carrier: OpenCarrier): void {
  connectTests(test, carrier)
  admissionTests(test, carrier)
  streamTests(test, carrier)
  requestTests(test, carrier)
}

function connectTests(test: Runner, carrier: OpenCarrier): void {
  test('one connection per peer: parallel calls share it, and so do later ones', async () => {
    await using pair = await createPair(carrier)
    const { there } = pair
    const [first, second] = await Promise.all([pair.connect(), pair.connect()])
    assert.equal(first, second)
    assert.equal(await pair.connect(), first)
    assert.equal(pair.here.connection(there.address.key), first)
    assert.deepEqual(first.peer, { key: there.address.key, name: toHex(there.address.key) })
    await until(() => there.peers().length === 1)
    assert.equal(there.counts().admitted, 1)
  })

  test('two nodes that dial each other at once end up with one connection', async () => {
    for (let round = 0; round < 4; round++) {
      await using pair = await createPair(carrier)
      const { here, there } = pair
      there.handleRequest('test/echo', async (body) => body)
      here.handleRequest('test/echo', async (body) => body)
      const [out, back] = await Promise.all([
        here.connect(there.address),
        there.connect(here.address),
      ])
      const body = Uint8Array.of(round)
      assert.deepEqual(await out.request('test/echo', body), body)
      assert.deepEqual(await back.request('test/echo', body), body)
      assert.equal(here.peers().length + there.peers().length, 2)
      assert.equal(here.connection(there.address.key), out)
      assert.equal(there.connection(here.address.key), back)
    }
  })

  test('a peer that starts again takes the place of its dead connection', async () => {
    const [a, b] = twoKeys()
    for (const [server, client] of [
      [a, b],
      [b, a],
    ] as const) {
      const authenticator = pinnedKeys([client.publicKey])
      await using there = await createEndpoint({ key: server, authenticator, carrier })
      const life = { key: client, authenticator: pinnedKeys([server.publicKey]), carrier }
      await using before = await createEndpoint(life)
      const dead = await before.connect(there.address)
      await using after = await createEndpoint(life)
      const alive = await after.connect(there.address)
      await dead.closed
      assert.equal(dead.closeReason, 'replaced')
      await assert.rejects(dead.open('test/none'), { code: 'closed' })
      await assert.rejects(alive.open('test/none'), { code: 'unknown-protocol' })
    }
  })

  test('nobody there, another key there, and a port that is taken have codes', async () => {
    await using pair = await createPair(carrier, { handshakeMs: 800 })
    const { here, there } = pair
    const { host, port, key } = there.address
    const [stranger] = twoKeys()
    await assert.rejects(here.connect({ host, port, key: stranger.publicKey }), {
      code: 'wrong-key',
    })
    await assert.rejects(here.connect({ host, port: 9, key }), { code: 'unreachable' })
    await assert.rejects(here.connect(here.address), { code: 'bad-address' })
    await assert.rejects(here.connect({ host, port, key: key.slice(1) }), { code: 'bad-key' })
    await assert.rejects(here.connect(there.address, { signal: AbortSignal.abort() }), {
      code: 'aborted',
    })
    const authenticator = pinnedKeys([])
    await assert.rejects(createEndpoint({ key: stranger, authenticator, host, port, carrier }), {
      code: 'port-taken',
    })
    await here.connect(there.address)
  })

  test('a closed connection says so to both sides and can be made again', async () => {
    await using pair = await createPair(carrier)
    const first = await pair.connect()
    await until(() => pair.there.peers().length === 1)
    const other = pair.there.connection(pair.here.address.key)
    assert.equal(first.closeReason, undefined)
    await first[Symbol.asyncDispose]()
    await other?.closed
    assert.equal(other?.closeReason, 'closing')
    await assert.rejects(first.open('test/none'), { code: 'closed' })
    assert.notEqual(await pair.connect(), first)
  })

  test('a stream of a connection that is lost fails and does not end', async () => {
    await using pair = await createPair(carrier)
    pair.there.handle('test/idle', () => undefined)
    const connection = await pair.connect()
    const stream = await connection.open('test/idle')
    const reading = stream.read()
    reading.catch(() => undefined)
    await pair.there[Symbol.asyncDispose]()
    await assert.rejects(reading, { code: 'closed' })
    await assert.rejects(stream.read(), { code: 'closed' })
    await assert.rejects(stream.write(Uint8Array.of(1)), { code: 'closed' })
  })

  test('an endpoint closes within a second, with dials, streams and requests under way', async () => {
    const pair = await createPair(carrier)
    const { here, there } = pair
    there.handleRequest('test/never', () => new Promise(() => undefined))
    const connection = await pair.connect()
    const asked = connection.request('test/never', new Uint8Array(0))
    const { host } = there.address
    const dialled = here.connect({ host, port: 9, key: twoKeys()[0].publicKey })
    for (const open of [asked, dialled]) open.catch(() => undefined)
    await setTimeout(20)
    const closed = pair[Symbol.asyncDispose]().then(() => 'closed')
    assert.equal(await Promise.race([closed, setTimeout(1_000, 'late')]), 'closed')
    await assert.rejects(asked, { code: 'closed' })
    await assert.rejects(dialled, { code: 'closed' })
    await assert.rejects(here.connect(there.address), { code: 'closed' })
  })
}

function admissionTests(test: Runner, carrier: OpenCarrier): void {
  test('who is not admitted is told why, on either side, and no handler runs', async () => {
    const [a, b] = twoKeys()
    for (const [pinsThere, pinsHere] of [
      [[], [b.publicKey]],
      [[a.publicKey], []],
    ] as const) {
      await using there = await createEndpoint({
        key: b,
        authenticator: pinnedKeys(pinsThere),
        carrier,
      })
      let runs = 0
      there.handle('test/count', () => void runs++)
      const authenticator = pinnedKeys(pinsHere)
      await using here = await createEndpoint({ key: a, authenticator, carrier })
      await assert.rejects(here.connect(there.address), {
        code: 'refused',
        refusal: { code: 'not-authenticated', reason: 'not a pinned key' },
      })
      const refuser = pinsThere.length === 0 ? there : here
      await until(() => refuser.counts().refused === 1)
      assert.equal(runs + there.peers().length + here.peers().length, 0)
    }
  })

  test('an authenticator that throws admits nobody and gives nothing away', async () => {
    const [a, b] = twoKeys()
    const faults: unknown[] = []
    const broken: PeerAuthenticator = {
      credential: () => new Uint8Array(0),
      authenticate: () => Promise.reject(new Error('the disk says 42')),
    }
    await using there = await createEndpoint({
      key: b,
      authenticator: broken,
      carrier,
      onError: (error) => faults.push(error),
    })
    const authenticator = pinnedKeys([b.publicKey])
    await using here = await createEndpoint({ key: a, authenticator, carrier })
    await assert.rejects(here.connect(there.address), {
      refusal: { code: 'not-authenticated', reason: 'the authenticator failed' },
    })
    assert.equal(faults.length, 1)
  })

  test('credentials reach the other side whole, and longer ones than allowed are misuse', async () => {
    const [a, b] = twoKeys()
    const shown = pattern(CREDENTIAL_SIZE_MAX)
    const seen: Uint8Array[] = []
    const open = (credential: Uint8Array): PeerAuthenticator => ({
      credential: () => credential,
      authenticate: async (peer) => {
        seen.push(peer.credential)
        return { ok: true, name: 'whoever' }
      },
    })
    await using there = await createEndpoint({ key: b, authenticator: open(shown), carrier })
    await using here = await createEndpoint({ key: a, authenticator: open(shown), carrier })
    assert.equal((await here.connect(there.address)).peer.name, 'whoever')
    for (const credential of seen) assert.deepEqual(credential, shown)
    const over = open(new Uint8Array(CREDENTIAL_SIZE_MAX + 1))
    await assert.rejects(here.setAuthenticator(over), { code: 'bad-credential' })
    await assert.rejects(createEndpoint({ key: a, authenticator: over, carrier }), {
      code: 'bad-credential',
    })
  })

  test('a new authenticator drops who fails it, and streams of the others go on', async () => {
    const [a, b] = twoKeys()
    const [c] = twoKeys()
    const all = [a.publicKey, b.publicKey, c.publicKey]
    const open = (key: typeof a) => createEndpoint({ key, authenticator: pinnedKeys(all), carrier })
    await using hub = await open(a)
    await using kept = await open(b)
    await using dropped = await open(c)
    hub.handle('test/sink', async (stream) => {
      const received = await gather(stream, 1e8)
      await stream.write(Uint8Array.of(received.ok && received.bytes.length === 8_000_000 ? 1 : 0))
      await stream.end()
    })
    const staying = await kept.connect(hub.address)
    const leaving = await dropped.connect(hub.address)
    const stream = await staying.open('test/sink')
    const sending = stream.write(pattern(8_000_000)).then(() => stream.end())
    await until(() => hub.peers().length === 2)
    const named: PeerAuthenticator = {
      credential: () => Uint8Array.of(7),
      authenticate: async ({ key }) =>
        toHex(key) === toHex(b.publicKey)
          ? { ok: true, name: 'b, renamed' }
          : { ok: false, reason: 'not b' },
    }
    // Twice at once: the hellos of both must not get into each other's way.
    const [first, second] = await Promise.all([
      hub.setAuthenticator(named),
      hub.setAuthenticator(named),
    ])
    assert.equal(first.kept + second.kept, 2)
    assert.equal(Math.max(first.dropped, second.dropped), 1)
    assert.deepEqual(
      hub.peers().map(({ name }) => name),
      ['b, renamed'],
    )
    await leaving.closed
    assert.equal(leaving.closeReason, 'not-authenticated')
    await sending
    assert.deepEqual(await stream.read(), Uint8Array.of(1))
    await assert.rejects(dropped.connect(hub.address), refusedFor('not-authenticated'))
  })

  test('a peer that no longer admits this node drops it when shown the new credential', async () => {
    const [a, b] = twoKeys()
    const showing = (byte: number, accepts: number): PeerAuthenticator => ({
      credential: () => Uint8Array.of(byte),
      authenticate: async ({ credential }) =>
        credential[0] === accepts ? { ok: true, name: 'x' } : { ok: false, reason: 'wrong byte' },
    })
    await using here = await createEndpoint({ key: a, authenticator: showing(1, 2), carrier })
    await using there = await createEndpoint({ key: b, authenticator: showing(2, 1), carrier })
    const connection = await here.connect(there.address)
    assert.deepEqual(await here.setAuthenticator(showing(9, 2)), { kept: 0, dropped: 1 })
    assert.equal(connection.closeReason, 'not-authenticated')
  })

  test('a peer judged while the authenticator changes is judged by the new one', async () => {
    const [a, b] = twoKeys()
    const { promise: asked, resolve: onAsked } = Promise.withResolvers<void>()
    const { promise: go, resolve: release } = Promise.withResolvers<void>()
    const slow: PeerAuthenticator = {
      credential: () => new Uint8Array(0),
      authenticate: async () => {
        onAsked()
        await go
        return { ok: true, name: 'anyone' }
      },
    }
    await using there = await createEndpoint({ key: b, authenticator: slow, carrier })
    const authenticator = pinnedKeys([b.publicKey])
    await using here = await createEndpoint({ key: a, authenticator, carrier })
    const connecting = here.connect(there.address)
    connecting.catch(() => undefined)
    await asked
    await there.setAuthenticator(pinnedKeys([]))
    release()
    await assert.rejects(connecting, refusedFor('not-authenticated'))
    assert.equal(there.peers().length, 0)
  })

  test('an endpoint holds no more connections than its limit', async () => {
    const [a, b] = twoKeys()
    const [c] = twoKeys()
    const all = pinnedKeys([a.publicKey, b.publicKey, c.publicKey])
    const limits = { connections: 1 }
    await using hub = await createEndpoint({ key: a, authenticator: all, carrier, limits })
    await using first = await createEndpoint({ key: b, authenticator: all, carrier })
    await using second = await createEndpoint({ key: c, authenticator: all, carrier })
    await first.connect(hub.address)
    await assert.rejects(second.connect(hub.address), refusedFor('busy'))
  })
}

/** Waits for what the other side is about to do. */
async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; !holds(); round++) {
    assert.ok(round < 400, 'waited in vain')
    await setTimeout(5)
  }
}

function refusedFor(code: string): (error: unknown) => boolean {
  return (error) => error instanceof StoqError && error.refusal?.code === code
}
