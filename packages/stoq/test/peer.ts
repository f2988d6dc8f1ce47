// A node in a process of its own: says where it is, and closes when its input does.
import { once } from 'node:events'

import { fromHex, generateSigningKey, toHex } from '@hypermesh/crypto'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'

const key = generateSigningKey('ed25519')
const parent = fromHex(process.argv[2] ?? '')
const endpoint = await createEndpoint({ key, authenticator: pinnedKeys([parent]) })
// A dial to nobody is under way all along.
const nobody = generateSigningKey('ed25519').publicKey
endpoint.connect({ host: '::1', port: 9, key: nobody }).catch(() => undefined)
process.stdout.write(`${endpoint.address.port} ${toHex(key.publicKey)}\n`)
await once(process.stdin.resume(), 'end')
await endpoint[Symbol.asyncDispose]()
process.stdout.write('closed\n')
