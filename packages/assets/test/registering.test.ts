import type { Asset, Machine } from '@hypermesh/assets'
import { openAssets, PROOF_SIZE_MAX, shareOf } from '@hypermesh/assets'
import { simulatedMachine } from '@hypermesh/assets/testing'
import { cpuInfo, memoryInfo } from '@hypermesh/host'
import { availableParallelism } from 'node:os'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { asking, open, opened, owner, SIZE } from './house.ts'

describe('detecting', () => {
  test('the shares of any number of nodes add up to the whole', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 60n }),
        fc.integer({ min: 1, max: 64 }),
        (total, of) => {
          let sum = 0n
          for (let index = 0; index < of; index += 1) sum += shareOf(total, { index, of })
          expect(sum).toBe(total)
          expect(
            shareOf(total, { index: 0, of }) - shareOf(total, { index: of - 1, of }),
          ).toBeLessThanOrEqual(1n)
        },
      ),
    )
  })

  test('four nodes on this machine find this machine, exactly', async () => {
    const cpu = cpuInfo()
    const memory = memoryInfo()
    if (!cpu.available || !memory.available) throw new Error('a machine that cannot be measured')
    const sums = { cpu: 0n, memory: 0n, storage: 0n }
    for (let index = 0; index < 4; index += 1) {
      const { clock, ledger, proofs } = await open()
      const real = { owner, share: { index, of: 4 }, directory: import.meta.dirname }
      await using assets = await openAssets({ ...real, clock, ledger, proofs })
      for (const asset of assets.detect()) sums[asset.kind] += asset.capacity
    }
    expect(cpu.value.cores).toBe(availableParallelism())
    const cores = Math.min(cpu.value.cores, cpu.value.quotaCores ?? cpu.value.cores)
    expect(sums.cpu).toBe(BigInt(Math.floor(cores * 1_000)))
    expect(sums.memory).toBe(BigInt(memory.value.totalBytes))
    expect(sums.storage).toBeGreaterThan(0n)
  })

  test('what cannot be measured is absent with its reason, and is not lent', async () => {
    const blind: Machine = {
      ...simulatedMachine(SIZE),
      memory: () => ({ available: false, reason: 'no /proc', remedy: 'mount it' }),
    }
    const { assets } = await opened({ machine: blind })
    expect(assets.detect().map(({ kind }) => kind)).toEqual(['cpu', 'storage'])
    expect(assets.absent()).toEqual([{ kind: 'memory', reason: 'no /proc', remedy: 'mount it' }])
    expect(assets.offer(asking({ memory: 1n }))).toMatchObject({
      refusal: { code: 'over-capacity' },
    })
  })

  test('the same measurement keeps its generation, another has a later one', async () => {
    let { cores } = SIZE
    const machine = {
      ...simulatedMachine(SIZE),
      cpu: () => simulatedMachine({ ...SIZE, cores }).cpu(),
    }
    const { assets, clock } = await opened({ machine })
    const cpuOf = (): Asset | undefined => assets.detect().find(({ kind }) => kind === 'cpu')
    const before = cpuOf()
    clock.advance(5n)
    expect(cpuOf()).toBe(before)
    cores = 3
    expect(cpuOf()).toMatchObject({ capacity: 3_000n, generation: 1_005n })
    // Fewer count at once; more only when registered again.
    expect(assets.lendable().capacity.cpu).toBe(3_000n)
    cores = 8
    assets.detect()
    expect(assets.lendable().capacity.cpu).toBe(4_000n)
  })
})

describe('registering', () => {
  test('nothing is lendable before it is registered', async () => {
    const { assets } = await open()
    expect(assets.lendable().capacity).toEqual({ cpu: 0n, memory: 0n, storage: 0n })
    const claimed = await assets.claim(asking({ cpu: 1n }))
    expect(claimed).toMatchObject({ refusal: { code: 'over-capacity', free: 0n } })
  })

  test('an asset whose proof is refused stays unlendable', async () => {
    const { assets, proofs, ledger } = await open()
    const [cpu, memory] = assets.detect()
    if (cpu === undefined || memory === undefined) throw new Error('nothing detected')
    // The second is a valid proof, of another asset.
    for (const proof of [
      new Uint8Array(32),
      proofs.prove(memory.id),
      new Uint8Array(PROOF_SIZE_MAX + 1),
    ]) {
      expect(await assets.register(cpu, proof)).toMatchObject({
        refusal: { code: 'proof-refused' },
      })
    }
    expect(assets.lendable().capacity.cpu).toBe(0n)
    expect(ledger.operations).toEqual([])
    expect(await assets.claim(asking({ cpu: 1n }))).toMatchObject({ ok: false })
  })

  test('a proof of no credible size is not even shown to the verifier', async () => {
    let asked = 0
    const verify = () => Promise.resolve({ ok: true, asked: (asked += 1) } as const)
    const { assets } = await open({ proofs: { verify } })
    const [cpu] = assets.detect()
    if (cpu === undefined) throw new Error('nothing detected')
    const proof = new Uint8Array(PROOF_SIZE_MAX + 1)
    expect(await assets.register(cpu, proof)).toMatchObject({ refusal: { code: 'proof-refused' } })
    expect(asked).toBe(0)
  })

  test('what has changed while it was being registered is not lendable as it was', async () => {
    let { cores } = SIZE
    const machine = {
      ...simulatedMachine(SIZE),
      cpu: () => simulatedMachine({ ...SIZE, cores }).cpu(),
    }
    const { assets, proofs, ledger } = await open({ machine })
    const [cpu] = assets.detect()
    if (cpu === undefined) throw new Error('nothing detected')
    const { promise, resolve } = Promise.withResolvers<void>()
    ledger.delay(promise)
    const registering = assets.register(cpu, proofs.prove(cpu.id))
    cores = 1
    assets.detect()
    resolve()
    expect(await registering).toMatchObject({ refusal: { code: 'stale-asset' } })
    expect(assets.lendable().capacity.cpu).toBe(0n)
  })

  test('an asset that the ledger does not order stays unlendable', async () => {
    const { assets, proofs, ledger } = await open()
    const [cpu] = assets.detect()
    if (cpu === undefined) throw new Error('nothing detected')
    ledger.refuse('no quorum')
    expect(await assets.register(cpu, proofs.prove(cpu.id))).toEqual({
      ok: false,
      refusal: { code: 'not-ordered', reason: 'no quorum' },
    })
    expect(assets.lendable().capacity.cpu).toBe(0n)
  })

  test('only what was measured here is registered, and as it was measured', async () => {
    const { assets, proofs } = await open()
    const [cpu] = assets.detect()
    if (cpu === undefined) throw new Error('nothing detected')
    const wrong = [
      { asset: { ...cpu, id: new Uint8Array(32) }, code: 'unknown-asset' },
      { asset: { ...cpu, capacity: cpu.capacity + 1n }, code: 'stale-asset' },
      { asset: { ...cpu, generation: cpu.generation - 1n }, code: 'stale-asset' },
      { asset: { ...cpu, privacy: 'full-public' as const }, code: 'stale-asset' },
    ]
    for (const { asset, code } of wrong) {
      const registered = await assets.register(asset, proofs.prove(asset.id))
      expect(registered).toMatchObject({ refusal: { code } })
    }
  })
})

test.each([
  { index: -1, of: 1 },
  { index: 1, of: 1 },
  { index: 0, of: 0 },
  { index: 0.5, of: 2 },
  { index: 0, of: 2 ** 20 },
])('share $index of $of is refused', async (share) => {
  await expect(open({ share })).rejects.toMatchObject({ code: 'invalid-argument' })
})
