import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { createNode } from '@hypermesh/bootstrap'
import { generateSigningKey } from '@hypermesh/crypto'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { gather, joinAll } from './mesh.ts'
import type { TestMesh } from './mesh.ts'

let mesh: TestMesh

beforeAll(async () => {
  mesh = await gather(4)
  await joinAll(mesh)
}, 60_000)

afterAll(() => mesh[Symbol.asyncDispose]())

test('every node leaves the four phases in their order', () => {
  for (const left of mesh.left) {
    expect(left.map(({ phase, name }) => [phase, name])).toEqual([
      [0, 'traditional'],
      [1, 'certified'],
      [2, 'ordered'],
      [3, 'federated'],
    ])
  }
})

test('after the last phase, two roots vouch for each other in the ledger, and it knows every name', () => {
  for (const { ledger } of mesh.nodes) {
    expect(ledger?.roots().length).toBe(2)
    expect(ledger?.names().map(({ name }) => name)).toEqual(mesh.nodes.map(({ card }) => card.name))
  }
})

test('a key that the invite pinned, without a certificate, is not admitted any more', async () => {
  // The member's own key, but nothing to show: pins are off.
  const { identity, endpoint } = mesh.nodes[3]!
  const key = identity.ed25519
  await using bare = await createEndpoint({
    key,
    authenticator: pinnedKeys([mesh.nodes[0]!.card.key]),
  })
  await expect(bare.connect(mesh.nodes[0]!.endpoint.address)).rejects.toMatchObject({
    code: 'refused',
  })
  expect(endpoint.address.port).toBeGreaterThan(0)
})

test('a stranger is not admitted', async () => {
  const key = generateSigningKey('ed25519')
  await using stranger = await createEndpoint({
    key,
    authenticator: pinnedKeys([mesh.nodes[0]!.card.key]),
  })
  await expect(stranger.connect(mesh.nodes[0]!.endpoint.address)).rejects.toMatchObject({
    code: 'refused',
  })
})

test(
  'a node that starts again goes on where it was, without an invite',
  { timeout: 60_000 },
  async () => {
    const again = await mesh.reopen(2)
    const phases: number[] = []
    await again.join(undefined, { onPhase: ({ phase }) => phases.push(phase) })
    expect(phases).toEqual([0, 1, 2, 3])
    expect(again.status().phase).toBe(3)
    expect(again.ledger?.names().length).toBe(4)
    // Its port is the one that the mesh knows.
    expect(again.card.port).toBe(mesh.invite.members[2]!.port)
  },
)

test('a node belongs to one mesh: another invite is refused', async () => {
  const other = { ...mesh.invite, mesh: 'other' }
  await expect(mesh.nodes[1]!.join(other)).rejects.toMatchObject({ code: 'bad-invite' })
})

test('a root that is not the pinned one ends the joining', { timeout: 60_000 }, async () => {
  await using two = await gather(2)
  const invite = { ...two.invite, root: new Uint8Array(32).fill(1) }
  const joined = await Promise.allSettled(two.nodes.map((node) => node.join(invite)))
  for (const each of joined) expect(each).toMatchObject({ reason: { code: 'root-mismatch' } })
})

test('an invite that names another key for this node is refused', { timeout: 60_000 }, async () => {
  await using one = await gather(1)
  const key = generateSigningKey('ed25519').publicKey
  const members = one.invite.members.map((member) => ({ ...member, key }))
  await expect(one.nodes[0]!.join({ ...one.invite, members })).rejects.toMatchObject({
    code: 'not-invited',
  })
})

test(
  'a mesh of one ends with its own ledger, and does not federate',
  { timeout: 60_000 },
  async () => {
    await using one = await gather(1)
    await joinAll(one)
    expect(one.nodes[0]!.status().phase).toBe(2)
  },
)

test('a journal that a crash cut off is read up to the cut', { timeout: 60_000 }, async () => {
  await using one = await gather(1)
  await joinAll(one)
  await one.nodes[0]![Symbol.asyncDispose]()
  const file = join(one.folder, 'node-0', 'phases')
  await appendFile(file, new Uint8Array(20).fill(7))
  const again = await one.reopen(0)
  await again.join()
  expect(again.status().phase).toBe(2)
})

test.each(['phases', 'identity'])(
  'a damaged %s file is an error that says so',
  { timeout: 60_000 },
  async (name) => {
    await using one = await gather(1)
    await joinAll(one)
    await one.nodes[0]![Symbol.asyncDispose]()
    const file = join(one.folder, 'node-0', name)
    const bytes = await readFile(file)
    bytes[60] = (bytes[60] ?? 0) ^ 1
    await writeFile(file, bytes)
    await expect(one.reopen(0)).rejects.toMatchObject({
      code: name === 'phases' ? 'journal-damaged' : 'identity-damaged',
    })
  },
)

test('a node that lost its keys does not become another one', { timeout: 60_000 }, async () => {
  await using one = await gather(1)
  await joinAll(one)
  await one.nodes[0]![Symbol.asyncDispose]()
  await rm(join(one.folder, 'node-0', 'identity'))
  await expect(one.reopen(0)).rejects.toMatchObject({ code: 'identity-missing' })
})

test('a port that is taken is an error that says so', { timeout: 60_000 }, async () => {
  const { port } = mesh.nodes[0]!.card
  const config = {
    name: 'late',
    directory: join(mesh.folder, 'late'),
    passphrase: 'x',
    share: { index: 0, of: 1 },
    port,
  }
  await expect(createNode(config)).rejects.toMatchObject({ code: 'port-taken' })
})
