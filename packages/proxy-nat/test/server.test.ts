import {
  assetAddress,
  ATTACH_FAILURES_MAX,
  ATTACHMENTS_MAX,
  encodeFrame,
  grant,
  grantIds,
  HEADER_SIZE,
  type Header,
  narrow,
  serveMemory,
} from '@hypermesh/proxy-nat'
import { describe, expect, test } from 'vitest'
import {
  asset,
  createWorld,
  elsewhere,
  holder,
  node,
  owner,
  stranger,
  type World,
} from './world.ts'

// Every rule is tried against the owner's side alone: a cheat does not run our client.

describe('attaching', () => {
  const refusedAs = async (
    world: World,
    capability: Uint8Array,
    peer?: Uint8Array,
  ): Promise<string> => (await world.serve(peer).attach(capability)).status

  test('is granted to the audience, and its handle works', async () => {
    const world = createWorld()
    const raw = world.serve()
    const attached = await raw.attach(world.permit())
    expect(attached).toMatchObject({ status: 'ok', handle: 1, generation: 2_097_152 })
    const { body } = await raw.ask({ ...at(attached), operation: 'read', length: 4 })
    expect(body).toEqual(new Uint8Array(4))
  })

  test('is refused to a peer whom the capability was not granted to', async () => {
    const world = createWorld()
    expect(await refusedAs(world, world.permit(), stranger.publicKey)).toBe('wrong-audience')
  })

  test('is refused without the right to attach', async () => {
    const world = createWorld()
    expect(await refusedAs(world, world.permit({ rights: ['read', 'write'] }))).toBe('no-right')
  })

  test('is refused when the mesh knows no owner, or another one', async () => {
    const world = createWorld()
    const other = new Uint8Array(32).fill(9)
    world.regions.lend(assetAddress(node, other), 0, new Uint8Array(4096))
    expect(await refusedAs(world, world.permit({ assetId: other }))).toBe('not-the-owner')
    world.trust.own(asset, { node, key: stranger.publicKey })
    expect(await refusedAs(world, world.permit())).toBe('not-the-owner')
  })

  test('is refused to the owner of something else, who signs for this', async () => {
    const world = createWorld()
    expect(await refusedAs(world, world.permit({ owner: stranger }))).toBe('not-the-owner')
  })

  test('is sent on when the mesh knows the asset to be elsewhere, or this node moved it', async () => {
    const world = createWorld()
    const capability = world.permit()
    world.trust.own(asset, { node: elsewhere, key: owner.publicKey })
    const raw = world.serve()
    const { header, body } = await raw.ask({ operation: 'attach' }, capability)
    expect(header.status).toBe('moved')
    expect(body).toEqual(elsewhere)
    world.trust.own(asset, { node, key: owner.publicKey })
    world.table.move(asset, elsewhere)
    expect(await refusedAs(world, capability)).toBe('moved')
  })

  test('is refused for a region that is not there, or no more', async () => {
    const world = createWorld()
    expect(await refusedAs(world, world.permit({ region: 1 }))).toBe('unknown-region')
    const capability = world.permit()
    world.regions.reclaim(asset, 0)
    expect(await refusedAs(world, capability)).toBe('unknown-region')
  })

  test('is refused with a capability of another generation', async () => {
    const world = createWorld()
    const old = world.permit()
    expect(await refusedAs(world, world.permit({ generation: 2_097_153 }))).toBe('stale')
    world.table.revoke(asset, 0)
    expect(await refusedAs(world, old)).toBe('stale')
    world.regions.lend(asset, 0, world.memory)
    expect(await refusedAs(world, old)).toBe('stale')
  })

  test('is refused while the region drains, and open attachments go on', async () => {
    const world = createWorld()
    const raw = world.serve()
    const attached = await raw.attach(world.permit())
    world.table.drain(asset, 0)
    expect(await refusedAs(world, world.permit())).toBe('draining')
    const { header } = await raw.ask({ ...at(attached), operation: 'read', length: 4 })
    expect(header.status).toBe('ok')
  })

  test('is refused when more was granted than there is', async () => {
    const world = createWorld()
    expect(await refusedAs(world, world.permit({ length: 4097 }))).toBe('out-of-range')
  })

  test('is refused outside its time, and after its revocation', async () => {
    const world = createWorld()
    expect(await refusedAs(world, world.permit({ notBefore: 1001n }))).toBe('not-yet')
    expect(await refusedAs(world, world.permit({ notAfter: 1000n }))).toBe('expired')
  })

  test('is refused with bytes that are no capability', async () => {
    expect(await refusedAs(createWorld(), Uint8Array.of(1))).toBe('bad-capability')
  })

  test(`is refused beyond ${ATTACHMENTS_MAX} on one stream, until one is let go`, async () => {
    const world = createWorld()
    const raw = world.serve()
    const capability = world.permit()
    for (let count = 0; count < ATTACHMENTS_MAX; count++) {
      expect((await raw.attach(capability)).status).toBe('ok')
    }
    expect((await raw.attach(capability)).status).toBe('too-many')
    await raw.ask({ operation: 'detach', handle: 1 })
    const { status, handle } = await raw.attach(capability)
    // A handle that was let go is not given out again.
    expect({ status, handle }).toEqual({ status: 'ok', handle: ATTACHMENTS_MAX + 1 })
  })

  test(`in vain ${ATTACH_FAILURES_MAX} times ends the stream`, async () => {
    const world = createWorld()
    const raw = world.serve(stranger.publicKey)
    for (let count = 0; count < ATTACH_FAILURES_MAX; count++) await raw.attach(world.permit())
    expect(await raw.served).toEqual({
      ended: 'refused',
      code: 'too-many-failures',
      answered: ATTACH_FAILURES_MAX,
    })
  })
})

describe('an operation', () => {
  const begin = async (terms?: Parameters<World['permit']>[0]) => {
    const world = createWorld()
    const raw = world.serve()
    const capability = world.permit(terms)
    const attached = await raw.attach(capability)
    expect(attached.status).toBe('ok')
    const statusOf = async (
      fields: Partial<Header> & Pick<Header, 'operation'>,
      body?: Uint8Array,
    ): Promise<string> => (await raw.ask({ ...at(attached), ...fields }, body)).header.status
    return { world, raw, capability, attached, statusOf }
  }
  const read = { operation: 'read', offset: 0, length: 4 } as const
  const write = { operation: 'write', offset: 0 } as const
  const four = Uint8Array.of(1, 2, 3, 4)

  test('needs an attachment of this very stream', async () => {
    const { statusOf, world, attached } = await begin()
    expect(await statusOf({ ...read, handle: 2 })).toBe('not-attached')
    const other = world.serve()
    expect((await other.ask({ ...at(attached), ...read })).header.status).toBe('not-attached')
    expect(await statusOf({ operation: 'detach' })).toBe('ok')
    expect(await statusOf(read)).toBe('not-attached')
  })

  test.each([
    { offset: 99, length: 4, status: 'out-of-range' },
    { offset: 100, length: 50, status: 'ok' },
    { offset: 147, length: 4, status: 'out-of-range' },
    { offset: 150, length: 0, status: 'ok' },
    { offset: 151, length: 0, status: 'out-of-range' },
    { offset: Number.MAX_SAFE_INTEGER, length: 4, status: 'out-of-range' },
  ])('on $length bytes at $offset of 100..150 is $status', async ({ offset, length, status }) => {
    const { statusOf, world } = await begin({ offset: 100, length: 50 })
    expect(await statusOf({ ...read, offset, length })).toBe(status)
    expect(await statusOf({ ...write, offset }, new Uint8Array(length).fill(1))).toBe(status)
    const isChanged = world.memory.some((byte) => byte !== 0)
    expect(isChanged).toBe(status === 'ok' && length > 0)
  })

  test.each([
    { rights: ['attach'], reads: 'no-right', writes: 'no-right' },
    { rights: ['attach', 'read'], reads: 'ok', writes: 'no-right' },
    { rights: ['attach', 'write'], reads: 'no-right', writes: 'ok' },
  ] as const)('with the rights $rights reads are $reads, writes are $writes', async (row) => {
    const { statusOf, world } = await begin({ rights: row.rights })
    expect(await statusOf(read)).toBe(row.reads)
    expect(await statusOf(write, four)).toBe(row.writes)
    expect(await statusOf({ operation: 'stat' })).toBe('ok')
    expect(world.memory[0]).toBe(row.writes === 'ok' ? 1 : 0)
  })

  test('is refused once the capability’s time is over', async () => {
    const { statusOf, world } = await begin()
    world.trust.advance(59_999n)
    expect(await statusOf(read)).toBe('ok')
    world.trust.advance(1n)
    expect(await statusOf(read)).toBe('expired')
    expect(await statusOf(write, four)).toBe('expired')
    expect(await statusOf({ operation: 'stat' })).toBe('expired')
    expect(world.memory[0]).toBe(0)
  })

  test('is refused once any grant of the chain is revoked', async () => {
    const world = createWorld()
    const root = world.permit()
    const capability = narrow({
      capability: root,
      holder,
      audience: stranger.publicKey,
      rights: ['attach', 'read'],
      offset: 0,
      length: 8,
      notBefore: 1000n,
      notAfter: 2000n,
    })
    const raw = world.serve(stranger.publicKey)
    const attached = await raw.attach(capability)
    expect((await raw.ask({ ...at(attached), ...read })).header.status).toBe('ok')
    world.trust.revoke(grantIds(root)[0]!)
    expect((await raw.ask({ ...at(attached), ...read })).header.status).toBe('revoked')
    expect((await raw.attach(capability)).status).toBe('revoked')
  })

  test('is stale after a revocation, also for who names the new generation on the old attachment', async () => {
    const { statusOf, world, raw, attached } = await begin()
    expect(await statusOf({ ...read, generation: 1 })).toBe('stale')
    world.table.revoke(asset, 0)
    expect((await raw.reply()).header).toMatchObject({ operation: 'revoked', handle: 1 })
    expect(await statusOf(read)).toBe('stale')
    expect(await statusOf(write, four)).toBe('stale')
    expect(await statusOf({ ...read, generation: world.table.generation(asset, 0)! })).toBe('stale')
    // One notice is enough.
    world.table.revoke(asset, 0)
    const { header } = await raw.ask({ ...at(attached), operation: 'detach' })
    expect(header).toMatchObject({ operation: 'detach', status: 'ok' })
    expect(world.memory[0]).toBe(0)
  })

  test('is stale when the memory was lent anew', async () => {
    const { statusOf, world } = await begin()
    const fresh = new Uint8Array(4096)
    world.regions.lend(asset, 0, fresh)
    expect(await statusOf(write, four)).toBe('stale')
    expect(fresh[0]).toBe(0)
  })

  test('is stale once the memory was given back, and does not touch it', async () => {
    const { statusOf, world } = await begin()
    world.regions.reclaim(asset, 0)
    expect(await statusOf(read)).toBe('stale')
    expect(await statusOf(write, four)).toBe('stale')
    expect(world.memory[0]).toBe(0)
  })

  test('stays within memory that became smaller under the same number', async () => {
    const { world, raw, attached } = await begin()
    const shrunk = { bytes: world.memory.subarray(0, 2), generation: 1 }
    world.regions.region = () => shrunk
    const { header } = await raw.ask({ ...at(attached), ...read })
    expect(header.status).toBe('out-of-range')
  })
})

test('a reply is a copy: memory that changes while the transport holds it does not change it', async () => {
  const world = createWorld()
  const fields = { status: 'ok', request: 1, handle: 0, generation: 0, offset: 0 } as const
  const incoming = [
    encodeFrame('request', { ...fields, operation: 'attach' }, world.permit()),
    encodeFrame('request', {
      ...fields,
      operation: 'read',
      handle: 1,
      generation: 2_097_152,
      length: 4096,
    }),
  ]
  // A transport that keeps what it is given, and sends it when it likes.
  const held: Uint8Array[] = []
  const stream = {
    read: async () => incoming.shift() ?? null,
    write: async (bytes: Uint8Array) => void held.push(bytes),
    end: async () => {},
    reset: () => {},
  }
  const options = { self: node, table: world.table, trust: world.trust }
  await serveMemory({ ...options, stream, peer: holder.publicKey })
  world.memory.fill(7)
  expect(held[1]!.subarray(HEADER_SIZE)).toEqual(new Uint8Array(4096))
})

test('a capability names its region, so one for another asset of the same owner opens nothing here', async () => {
  const world = createWorld()
  const assetId = new Uint8Array(32).fill(9)
  const other = assetAddress(node, assetId)
  world.trust.own(other, { node, key: owner.publicKey })
  const capability = grant({
    owner,
    falcon1024: new Uint8Array(1793).fill(1),
    assetId,
    region: 0,
    generation: 0,
    audience: holder.publicKey,
    rights: ['attach', 'read'],
    offset: 0,
    length: 1,
    notBefore: 0n,
    notAfter: 9999n,
  })
  expect((await world.serve().attach(capability)).status).toBe('not-the-owner')
  expect((await world.serve().attach(world.permit({ assetId }))).status).toBe('unknown-region')
})

function at({ handle, generation }: Header): {
  readonly handle: number
  readonly generation: number
} {
  return { handle, generation }
}
