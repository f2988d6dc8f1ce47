import { expect, test } from 'vitest'

import { generateSigningKey } from '@hypermesh/crypto'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'

const key = generateSigningKey('ed25519')

test('an endpoint listens at IPv4 too, and at no name', async () => {
  const bob = generateSigningKey('ed25519')
  const authenticator = pinnedKeys([key.publicKey, bob.publicKey])
  await using here = await createEndpoint({ key, authenticator, host: '127.0.0.1' })
  await using there = await createEndpoint({ key: bob, authenticator, host: '127.0.0.1' })
  await here.connect(there.address)
  expect(there.address.port).toBeGreaterThan(0)
  const named = createEndpoint({ key, authenticator, host: 'localhost' })
  await expect(named).rejects.toMatchObject({ code: 'address-unavailable' })
  const dialled = here.connect({ ...here.address, host: 'localhost', key: new Uint8Array(32) })
  await expect(dialled).rejects.toMatchObject({ code: 'bad-address' })
})

test('a key that is not Ed25519 and a limit that is none are misuse', async () => {
  const authenticator = pinnedKeys([])
  const other = generateSigningKey('ml-dsa-65')
  await expect(createEndpoint({ key: other, authenticator })).rejects.toMatchObject({
    code: 'bad-key',
  })
  for (const limits of [{ streams: 0 }, { idleMs: 0.5 }, { connectionWindow: 2 ** 32 }]) {
    const wrong = createEndpoint({ key, authenticator, limits })
    await expect(wrong).rejects.toMatchObject({ code: 'bad-limit' })
  }
  expect(() => pinnedKeys([new Uint8Array(31)])).toThrow('31')
})
