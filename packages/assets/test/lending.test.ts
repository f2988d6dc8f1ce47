import type { AssetsOptions, Machine, PrivacyLevel } from '@hypermesh/assets'
import { LEASE_MS_MAX } from '@hypermesh/assets'
import { simulatedMachine } from '@hypermesh/assets/testing'
import { toHex } from '@hypermesh/crypto'
import type { MappedMemory } from '@hypermesh/host'
import { HostError } from '@hypermesh/host'
import { describe, expect, test } from 'vitest'
import { asking, holder, lent, MIB, open, opened, owner, SIZE } from './house.ts'

// No such level, as it may come from somewhere untyped.
const everyone: PrivacyLevel = JSON.parse('"everyone"')

describe('lending', () => {
  test('memory that is lent is there, and gone when it is given back', async () => {
    const { assets, ledger } = await opened()
    const lease = await lent(assets, { memory: 4_096n, cpu: 500n })
    expect(lease.region?.bytes.length).toBe(4_096)
    lease.region?.bytes.fill(1)
    expect(assets.lendable().free).toMatchObject({
      cpu: 3_500n,
      memory: 64n * BigInt(MIB) - 4_096n,
    })
    expect(assets.leases()).toEqual([lease])
    expect(ledger.operations.at(-1)).toMatchObject({
      type: 'lease',
      id: lease.id,
      until: 2_000n,
      at: 1_000n,
    })
    expect(await assets.release(lease)).toMatchObject({ ok: true })
    expect(lease.region?.bytes.length).toBe(0)
    expect(assets.lendable().free.memory).toBe(64n * BigInt(MIB))
    expect(ledger.operations.at(-1)).toMatchObject({
      type: 'release',
      id: lease.id,
      cause: 'released',
    })
    expect(await assets.release(lease)).toEqual({ ok: false, refusal: { code: 'no-such-lease' } })
  })

  test('a lease ends by itself at its time, and its memory with it', async () => {
    const { assets, clock } = await opened()
    const short = await lent(assets, { memory: 4_096n, until: 1_500n })
    const long = await lent(assets, { memory: 4_096n, until: 1_900n })
    clock.advance(499n)
    expect(short.region?.bytes.length).toBe(4_096)
    clock.advance(1n)
    expect(short.region?.bytes.length).toBe(0)
    expect(long.region?.bytes.length).toBe(4_096)
    clock.advance(400n)
    expect(long.region?.bytes.length).toBe(0)
    expect(assets.leases()).toEqual([])
    expect(assets.lendable().free.memory).toBe(assets.lendable().capacity.memory)
  })

  test('claims at once are lent no more than there is', async () => {
    const { assets } = await opened()
    const claims = Array.from({ length: 10 }, () => assets.claim(asking({ cpu: 1_000n })))
    const claimed = await Promise.all(claims)
    expect(claimed.filter(({ ok }) => ok)).toHaveLength(4)
    expect(assets.lendable().free.cpu).toBe(0n)
  })

  test('a lease that the ledger does not order is none, and gives everything back', async () => {
    const mapped: MappedMemory[] = []
    const simulated = simulatedMachine(SIZE)
    const map = async (sizeBytes: number): Promise<MappedMemory> => {
      const memory = await simulated.map(sizeBytes)
      mapped.push(memory)
      return memory
    }
    const { assets, ledger } = await opened({ machine: { ...simulated, map } })
    ledger.refuse('no quorum')
    const claimed = await assets.claim(asking({ memory: 4_096n }))
    expect(claimed).toEqual({ ok: false, refusal: { code: 'not-ordered', reason: 'no quorum' } })
    expect(assets.lendable().free.memory).toBe(assets.lendable().capacity.memory)
    expect(assets.leases()).toEqual([])
    expect(mapped.map(({ bytes }) => bytes.length)).toEqual([0])
  })

  test('a holder who changes its key afterwards changes nothing', async () => {
    const { assets, ledger } = await opened()
    const key = holder.slice()
    const claiming = assets.claim(asking({ cpu: 1n, holder: key }))
    key.fill(0)
    const claimed = await claiming
    expect(claimed.ok && claimed.lease.holder).toEqual(holder)
    key.fill(1)
    expect(ledger.operations.at(-1)).toMatchObject({ type: 'lease', holder })
    expect(assets.leases()[0]?.holder).toEqual(holder)
  })

  test('a ledger that fails leaves nothing lent', async () => {
    const broken = { record: () => Promise.reject(new Error('the wire is cut')) }
    const { proofs, ledger } = await open()
    let current: AssetsOptions['ledger'] = ledger
    const { assets } = await opened({
      ledger: { record: (bytes) => current.record(bytes) },
      proofs,
    })
    current = broken
    await expect(assets.claim(asking({ memory: 4_096n }))).rejects.toThrow('the wire is cut')
    expect(assets.lendable().free.memory).toBe(assets.lendable().capacity.memory)
  })

  test('a lease counts only once it is ordered, and not when it ends before that', async () => {
    const { assets, ledger, clock } = await opened()
    const { promise, resolve } = Promise.withResolvers<void>()
    ledger.delay(promise)
    const claiming = assets.claim(asking({ memory: 4_096n, until: 1_100n }))
    await new Promise((turn) => setImmediate(turn))
    expect(assets.leases()).toEqual([])
    // Held meanwhile, so nobody else is promised it.
    expect(assets.lendable().free.memory).toBe(64n * BigInt(MIB) - 4_096n)
    clock.advance(100n)
    resolve()
    expect(await claiming).toEqual({ ok: false, refusal: { code: 'expired' } })
    expect(assets.lendable().free.memory).toBe(64n * BigInt(MIB))
  })

  test.each([
    { more: { holder: new Uint8Array(31), cpu: 1n }, code: 'bad-request' },
    { more: { cpu: 1n, privacy: everyone }, code: 'bad-request' },
    { more: { cpu: -1n }, code: 'bad-request' },
    { more: { cpu: 2n ** 64n }, code: 'bad-request' },
    { more: { memory: 2n ** 60n }, code: 'bad-request' },
    { more: {}, code: 'nothing-asked' },
    { more: { cpu: 4_001n }, code: 'over-capacity' },
    { more: { cpu: 1n, until: 1_000n }, code: 'ends-in-the-past' },
    { more: { cpu: 1n, until: 1_001n + LEASE_MS_MAX }, code: 'too-long' },
    { more: { cpu: 1n, privacy: 'p2p' as const }, code: 'too-public' },
    { more: { cpu: 1n, privacy: 'private' as const }, code: 'too-public' },
  ])('$more is refused as $code, by offer and claim alike', async ({ more, code }) => {
    const { assets, ledger } = await opened()
    const ordered = ledger.operations.length
    expect(assets.offer(asking(more))).toMatchObject({ ok: false, refusal: { code } })
    expect(await assets.claim(asking(more))).toMatchObject({ ok: false, refusal: { code } })
    expect(ledger.operations).toHaveLength(ordered)
  })

  test('what the owner keeps private is lent to the owner alone', async () => {
    const { assets } = await opened({ privacy: 'private' })
    expect(await assets.claim(asking({ cpu: 1n }))).toMatchObject({
      refusal: { code: 'too-public' },
    })
    const own = { cpu: 1n, privacy: 'private' as const, holder: owner.publicKey }
    expect(await assets.claim(asking(own))).toMatchObject({ ok: true })
  })

  test('an offer says what could be lent and holds nothing back', async () => {
    const { assets } = await opened()
    expect(assets.offer(asking({ cpu: 4_000n }))).toEqual({
      ok: true,
      offer: { cpu: 4_000n, memory: 0n, storage: 0n, until: 2_000n },
    })
    expect(assets.lendable().free.cpu).toBe(4_000n)
  })
})

describe('what the machine has at the moment', () => {
  const busy = (availableBytes: number, freeBytes: number): Machine => ({
    ...simulatedMachine(SIZE),
    memory: () => ({ available: true, value: { totalBytes: SIZE.memoryBytes, availableBytes } }),
    disk: () => ({ available: true, value: { totalBytes: SIZE.storageBytes, freeBytes } }),
  })

  test('memory that others use is not lent, though it is within the capacity', async () => {
    const { assets } = await opened({ machine: busy(10_000, 0) })
    const first = await assets.claim(asking({ memory: 6_000n, memoryFor: 'program' }))
    expect(first.ok).toBe(true)
    // The program has not taken its 6000 yet, so they are still owed.
    const second = await assets.claim(asking({ memory: 6_000n }))
    expect(second).toMatchObject({ refusal: { code: 'not-available', kind: 'memory' } })
  })

  test('a disk that is full lends nothing, and what is lent of it is owed', async () => {
    const { assets } = await opened({ machine: busy(10_000, 500) })
    expect(await assets.claim(asking({ storage: 300n }))).toMatchObject({ ok: true })
    expect(await assets.claim(asking({ storage: 300n }))).toMatchObject({
      refusal: { code: 'not-available', kind: 'storage' },
    })
  })

  test('memory that cannot be mapped after all is a refusal', async () => {
    const machine: Machine = {
      ...simulatedMachine(SIZE),
      map: () => Promise.reject(new HostError('out-of-memory', 'just taken')),
    }
    const { assets } = await opened({ machine })
    expect(await assets.claim(asking({ memory: 4_096n }))).toEqual({
      ok: false,
      refusal: { code: 'not-available', kind: 'memory', reason: 'just taken' },
    })
    expect(assets.lendable().free.memory).toBe(assets.lendable().capacity.memory)
  })
})

describe('a program on a lease', () => {
  test('is told its limits while the lease lasts', async () => {
    const { assets, clock } = await opened()
    const lease = await lent(assets, { cpu: 1_500n, memory: 8_192n, memoryFor: 'program' })
    expect(lease.region).toBeUndefined()
    expect(await assets.enter(lease.id)).toEqual({
      ok: true,
      limits: { memoryBytes: 8_192, cpuCores: 1.5, until: 2_000n },
      proof: lease.proof,
    })
    clock.advance(1_000n)
    expect(await assets.enter(lease.id)).toMatchObject({ ok: false })
  })

  test('does not run on memory that is lent as a region, nor without processor or memory', async () => {
    const { assets } = await opened()
    const region = await lent(assets, { cpu: 1_000n, memory: 8_192n })
    const bare = await lent(assets, { cpu: 1_000n })
    expect(await assets.enter(region.id)).toMatchObject({ ok: false })
    expect(await assets.enter(bare.id)).toMatchObject({ ok: false })
    expect(await assets.enter(new Uint8Array(32))).toMatchObject({ ok: false })
  })

  test('is metered: times add up, peaks do not, and what nobody measured is not zero', async () => {
    const { assets, clock } = await opened()
    const lease = await lent(assets, { cpu: 1_000n, memory: 4_096n })
    expect(assets.usage(lease)).toMatchObject({
      since: 1_000n,
      regionBytes: 4_096,
      cpuMs: { available: false },
      memoryPeakBytes: { available: false },
    })
    expect(assets.meter(lease.id, { cpuMs: 10, memoryPeakBytes: 100 })).toBe(true)
    expect(assets.meter(lease.id, { cpuMs: 5.5, memoryPeakBytes: 50 })).toBe(true)
    expect(assets.usage(lease)).toMatchObject({
      cpuMs: { value: 15.5 },
      memoryPeakBytes: { value: 100 },
    })
    expect(() => assets.meter(lease.id, { cpuMs: Number.NaN })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
    clock.advance(1_000n)
    expect(assets.meter(lease.id, { cpuMs: 1 })).toBe(false)
    expect(assets.usage(lease)).toBeUndefined()
  })
})

describe('giving back', () => {
  test('what the ledger did not hear of is told again, until it no longer matters', async () => {
    const { assets, ledger, clock } = await opened()
    const [one, two] = [await lent(assets, { cpu: 1n }), await lent(assets, { cpu: 1n })]
    ledger.refuse('no quorum')
    expect(await assets.release(one)).toMatchObject({ refusal: { code: 'not-ordered' } })
    expect(await assets.release(two)).toMatchObject({ refusal: { code: 'not-ordered' } })
    expect(assets.lendable().free.cpu).toBe(4_000n)
    ledger.refuse(undefined)
    expect(await assets.release(one)).toMatchObject({ ok: true })
    clock.advance(1_000n)
    expect(await assets.release(two)).toEqual({ ok: false, refusal: { code: 'no-such-lease' } })
  })

  test('after a crash the ledger is told of the leases that died with the process', async () => {
    const before = await opened()
    const lost = await lent(before.assets, { cpu: 1n })
    const over = await lent(before.assets, { cpu: 1n, until: 1_001n })
    const { assets, ledger, clock } = await opened()
    clock.advance(1n)
    const kept = await lent(assets, { cpu: 1n })
    expect(await assets.reclaim([lost, over, kept])).toEqual({ reclaimed: 1, failed: [] })
    const told = ledger.operations.filter(({ type }) => type === 'release')
    expect(told).toMatchObject([{ id: lost.id, cause: 'reclaimed' }])
    ledger.refuse('no quorum')
    expect(await assets.reclaim([lost])).toEqual({
      reclaimed: 0,
      failed: [{ id: lost.id, reason: 'no quorum' }],
    })
  })

  test('closing gives every region back and waits for claims in progress', async () => {
    const { assets, ledger } = await opened()
    const lease = await lent(assets, { memory: 4_096n })
    const { promise, resolve } = Promise.withResolvers<void>()
    ledger.delay(promise)
    const claiming = assets.claim(asking({ memory: 4_096n }))
    const closing = assets[Symbol.asyncDispose]()
    expect(lease.region?.bytes.length).toBe(0)
    let isClosed = false
    const closed = closing.then(() => (isClosed = true))
    await new Promise((turn) => setImmediate(turn))
    expect(isClosed).toBe(false)
    resolve()
    await closed
    await expect(claiming).rejects.toMatchObject({ name: 'AssetsError', code: 'closed' })
    await expect(assets.claim(asking({ cpu: 1n }))).rejects.toMatchObject({ code: 'closed' })
    expect(() => assets.detect()).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  test('leases have names that nobody foresees', async () => {
    const { assets } = await opened()
    const names = new Set<string>()
    for (let count = 0; count < 20; count += 1)
      names.add(toHex((await lent(assets, { cpu: 1n })).id))
    expect(names.size).toBe(20)
  })
})
