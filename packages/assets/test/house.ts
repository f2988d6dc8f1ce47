import type { Assets, AssetsOptions, Claim, Lease } from '@hypermesh/assets'
import { openAssets } from '@hypermesh/assets'
import {
  simulatedClock,
  simulatedLedger,
  simulatedMachine,
  simulatedProofs,
} from '@hypermesh/assets/testing'
import { generateSigningKey } from '@hypermesh/crypto'
import { expect } from 'vitest'

export const MIB = 2 ** 20
export const SIZE = { cores: 4, memoryBytes: 64 * MIB, storageBytes: 1_000 * MIB }
export const owner = generateSigningKey('ed25519')
export const holder = generateSigningKey('ed25519').publicKey

export async function open(more: Partial<AssetsOptions> = {}) {
  const clock = simulatedClock(1_000n)
  const ledger = simulatedLedger()
  const proofs = simulatedProofs()
  const machine = simulatedMachine(SIZE)
  const share = { index: 0, of: 1 }
  const options = { owner, share, directory: '/', ledger, proofs, clock, machine, ...more }
  const assets = await openAssets(options)
  return { assets, clock, ledger, proofs }
}

export async function opened(more: Partial<AssetsOptions> = {}) {
  const house = await open(more)
  for (const asset of house.assets.detect()) {
    const registered = await house.assets.register(asset, house.proofs.prove(asset.id))
    expect(registered.ok).toBe(true)
  }
  return house
}

export function asking(more: Partial<Claim> = {}): Claim {
  return { holder, until: 2_000n, privacy: 'private-network', ...more }
}

export async function lent(assets: Assets, more: Partial<Claim>): Promise<Lease> {
  const claimed = await assets.claim(asking(more))
  if (!claimed.ok) throw new Error(claimed.refusal.code)
  return claimed.lease
}
