import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { generateSigningKey } from '@hypermesh/crypto'
import { createEndpoint, defaultLimits, pinnedKeys, quicCarrier } from '@hypermesh/stoq'

test('a stranger who stalls inside the TLS handshake holds up nobody', async () => {
  const [server, client] = [generateSigningKey('ed25519'), generateSigningKey('ed25519')]
  const there = await createEndpoint({
    key: server,
    authenticator: pinnedKeys([client.publicKey]),
  })
  // Carries packets one way only: the server answers, and never hears more.
  const relay = createSocket('udp6')
  relay.on('message', (packet, from) => {
    if (from.port !== there.address.port) relay.send(packet, there.address.port, '::1')
  })
  relay.bind(0, '::1')
  await once(relay, 'listening')
  const stranger = generateSigningKey('ed25519')
  const raw = await quicCarrier({ key: stranger, host: '::1', port: 0, limits: defaultLimits })
  const given = new AbortController()
  const stalled = raw.dial('::1', relay.address().port, given.signal)
  stalled.catch(() => undefined)
  await setTimeout(100)

  const authenticator = pinnedKeys([server.publicKey])
  const here = await createEndpoint({ key: client, authenticator, limits: { handshakeMs: 2_000 } })
  expect((await here.connect(there.address)).peer.key).toEqual(server.publicKey)

  given.abort()
  relay.close()
  await Promise.all([here, there].map((endpoint) => endpoint[Symbol.asyncDispose]()))
  await raw.close()
})
