// Two endpoints that know each other's keys; one asks, the other answers.
import { generateSigningKey } from '@hypermesh/crypto'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'

const ada = generateSigningKey('ed25519')
const bob = generateSigningKey('ed25519')

await using here = await createEndpoint({ key: ada, authenticator: pinnedKeys([bob.publicKey]) })
await using there = await createEndpoint({ key: bob, authenticator: pinnedKeys([ada.publicKey]) })

there.handleRequest('example/double', async (body) => body.map((byte) => 2 * byte))

const connection = await here.connect(there.address)
const doubled = await connection.request('example/double', Uint8Array.of(1, 2, 3))
console.log(`bob answers ${doubled.join(', ')}`)
