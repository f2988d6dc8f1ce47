import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createSpace, verifySpace } from '@hypermesh/consensus'
import { draw, generateSigningKey, systemRandom } from '@hypermesh/crypto'

const folder = await mkdtemp(join(tmpdir(), 'space-'))
const owner = generateSigningKey('ed25519').publicKey

// Four mebibytes that only this key can have, and the root that the node commits to.
const space = await createSpace({ file: join(folder, 'space'), owner, leaves: 4096 })
const committed = { root: space.root, leaves: space.leaves }

// In a mesh, the beacon of a block that nobody knew when the node committed.
const seed = draw(systemRandom, 32)
const proof = await space.answer(seed)
console.log('an honest answer:', verifySpace(committed, owner, seed, proof) ?? 'accepted')

const lost = proof.openings.map(({ index, path }) => ({ index, path, leaf: new Uint8Array(1024) }))
console.log('the bytes are gone:', verifySpace(committed, owner, seed, { openings: lost }))

const another = generateSigningKey('ed25519').publicKey
console.log("another node's file:", verifySpace(committed, another, seed, proof))

const later = draw(systemRandom, 32)
console.log('an old answer:', verifySpace(committed, owner, later, proof))

await space[Symbol.asyncDispose]()
await rm(folder, { recursive: true })
