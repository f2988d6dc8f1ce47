import type { Claim } from '@hypermesh/assets'
import { openAssets, verifyAssetOperation, signAssetOperation } from '@hypermesh/assets'
import { simulatedClock, simulatedLedger, simulatedProofs } from '@hypermesh/assets/testing'
import { generateSigningKey } from '@hypermesh/crypto'

const ROUNDS = 200

/** What lending costs without the ledger's own time: means of two hundred, in milliseconds. */
export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  const measure = async (name: string, work: () => unknown): Promise<void> => {
    const started = performance.now()
    for (let round = 0; round < ROUNDS; round += 1) await work()
    figures[name] = (performance.now() - started) / ROUNDS
    print(`${name.padEnd(28)} ${figures[name].toFixed(3)} ms`)
  }
  const owner = generateSigningKey('ed25519')
  const holder = generateSigningKey('ed25519').publicKey
  const clock = simulatedClock()
  const proofs = simulatedProofs()
  const ledger = simulatedLedger()
  const share = { index: 0, of: 1 }
  await using assets = await openAssets({ owner, share, directory: '.', ledger, proofs, clock })
  for (const asset of assets.detect()) await assets.register(asset, proofs.prove(asset.id))

  const lend = async (asked: Partial<Claim>): Promise<void> => {
    const claimed = await assets.claim({
      holder,
      until: 60_000n,
      privacy: 'private-network',
      ...asked,
    })
    if (!claimed.ok) throw new Error(claimed.refusal.code)
    await assets.release(claimed.lease)
  }
  await measure('detectMs', () => assets.detect())
  await measure('claimAndReleaseCpuMs', () => lend({ cpu: 100n }))
  await measure('claimAndRelease1MiBMs', () => lend({ memory: 1_048_576n }))
  const id = new Uint8Array(32)
  const release = {
    type: 'release',
    id,
    owner: owner.publicKey,
    cause: 'released',
    at: 1n,
  } as const
  const signed = signAssetOperation(owner, release)
  await measure('verifyOperationMs', () => verifyAssetOperation(signed))
  return figures
}
