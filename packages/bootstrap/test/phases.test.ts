import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { createNode } from '@hypermesh/bootstrap'
import type { MeshNode } from '@hypermesh/bootstrap'
import { generateSigningKey } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { openPhaseJournal } from '../src/journal.ts'
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

/** An endpoint that speaks with a key and shows a member's chain, which is no secret: every peer has seen it. */
async function showing(member: string, key: SigningKey): ReturnType<typeof createEndpoint> {
  await using journal = await openPhaseJournal(join(mesh.folder, member, 'phases'))
  const { proof } = journal.lines.find(({ type, phase }) => type === 'phase' && phase === 1)!
  return await createEndpoint({
    key,
    authenticator: {
      credential: () => proof,
      authenticate: async () => ({ ok: true, name: 'anyone' }),
    },
  })
}

test('a certificate opens no door for another key', async () => {
  const { address } = mesh.nodes[1]!.endpoint
  await using thief = await showing('node-0', generateSigningKey('ed25519'))
  await expect(thief.connect(address)).rejects.toMatchObject({ code: 'refused' })
  await using owner = await showing('node-0', mesh.nodes[0]!.identity.ed25519)
  const connection = await owner.connect(address)
  expect(connection.peer.name).toBe('anyone')
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

test('a certificate that its founder revokes opens no door from the next connection on', async () => {
  const { ed25519 } = mesh.nodes[3]!.identity
  const others = mesh.nodes.slice(0, 3)
  const connect = async (node: MeshNode): Promise<void> => {
    await using revoked = await showing('node-3', ed25519)
    await revoked.connect(node.endpoint.address)
  }
  for (const node of others) await connect(node)
  await expect(mesh.nodes[2]!.revoke('node-3')).rejects.toMatchObject({ code: 'wrong-phase' })
  await expect(mesh.nodes[0]!.revoke('nobody')).rejects.toMatchObject({ code: 'unknown-node' })
  await mesh.nodes[0]!.revoke('node-3', 'key-compromise')
  const answer = (node: MeshNode): Promise<unknown> =>
    connect(node).then(
      () => 'admitted',
      (error: { readonly code: string }) => error.code,
    )
  // As soon as each has the block that holds it, and for good.
  for (const node of others) {
    await expect.poll(() => answer(node), { timeout: 10_000 }).toBe('refused')
    expect(await answer(node)).toBe('refused')
  }
})

test('a root that is not the pinned one ends the joining', { timeout: 60_000 }, async () => {
  await using two = await gather(2)
  const invite = { ...two.invite, root: new Uint8Array(32).fill(1) }
  const joined = await Promise.allSettled(two.nodes.map((node) => node.join(invite)))
  for (const each of joined) expect(each).toMatchObject({ reason: { code: 'root-mismatch' } })
})

describe('a mesh of one', () => {
  let one: TestMesh
  const journal = (): string => join(one.folder, 'node-0', 'phases')
  const identity = (): string => join(one.folder, 'node-0', 'identity')

  beforeAll(async () => {
    one = await gather(1)
  })

  afterAll(() => one[Symbol.asyncDispose]())

  test('follows no invite that is for another key, or makes no sense, and remembers none of them', async () => {
    const [member] = one.invite.members
    const key = generateSigningKey('ed25519').publicKey
    const [node] = one.nodes
    await expect(
      node!.join({ ...one.invite, members: [{ ...member!, key }] }),
    ).rejects.toMatchObject({ code: 'not-invited' })
    for (const wrong of [
      { ...one.invite, founder: 1 },
      { ...one.invite, members: [member!, { ...member!, key }] },
      { ...one.invite, members: [member!, { ...member!, name: 'other' }] },
    ]) {
      await expect(node!.join(wrong)).rejects.toMatchObject({ code: 'bad-invite' })
    }
    await expect(node!.join()).rejects.toMatchObject({ code: 'bad-invite' })
  })

  test('ends with its own ledger, and does not federate', async () => {
    // However often it is told to join, it does once.
    await Promise.all([joinAll(one), joinAll(one)])
    await joinAll(one)
    expect(one.left[0]!.map(({ phase }) => phase)).toEqual([0, 1, 2])
    expect(one.nodes[0]!.status().phase).toBe(2)
  })

  test('reads a journal that a crash cut off up to the cut', async () => {
    await one.nodes[0]![Symbol.asyncDispose]()
    await appendFile(journal(), new Uint8Array(20).fill(7))
    const again = await one.reopen(0)
    await again.join()
    expect(again.status().phase).toBe(2)
  })

  test('is not opened with damaged files, and says so', async () => {
    await one.nodes[0]![Symbol.asyncDispose]()
    const whole = await readFile(journal())
    // In the first line's length, and in its bytes.
    for (const at of [32, 33, 34, 35, 60]) {
      const bytes = new Uint8Array(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      await writeFile(journal(), bytes)
      await expect(one.reopen(0)).rejects.toMatchObject({ code: 'journal-damaged' })
    }
    await writeFile(journal(), whole)
    const key = await readFile(identity())
    const bytes = new Uint8Array(key)
    bytes[60] = (bytes[60] ?? 0) ^ 1
    await writeFile(identity(), bytes)
    await expect(one.reopen(0)).rejects.toMatchObject({ code: 'identity-damaged' })
    await writeFile(identity(), key)
  })

  test('that lost its keys does not become another one', async () => {
    await rm(identity())
    await expect(one.reopen(0)).rejects.toMatchObject({ code: 'identity-missing' })
  })
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
