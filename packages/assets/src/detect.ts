import type { Probe } from '@hypermesh/host'
import type { Asset, AssetKind, Attribute, PrivacyLevel } from './asset.ts'
import { assetId } from './asset.ts'
import type { Machine } from './machine.ts'
import type { Share } from './share.ts'
import { shareOf } from './share.ts'

/** What this machine cannot lend, and why. */
export interface Absence {
  readonly kind: AssetKind
  readonly reason: string
  readonly remedy?: string
}

/** What was found: this node's share of the machine, as assets, and what could not be found. */
export interface Found {
  readonly assets: readonly Asset[]
  readonly absent: readonly Absence[]
}

interface Measured {
  readonly total: bigint
  readonly attributes: readonly Attribute[]
}

/**
 * Measures the machine and takes this node's share of it.
 *
 * Capacities are shares of what the machine has in all, so the nodes of one machine add up to it whenever each of
 * them looks. What is free of it at the moment is asked at every claim.
 */
export function detect(options: {
  readonly machine: Machine
  readonly owner: Uint8Array
  readonly share: Share
  readonly directory: string
  readonly privacy: PrivacyLevel
  readonly now: bigint
}): Found {
  const { machine, owner, share, directory, privacy, now } = options
  const assets: Asset[] = []
  const absent: Absence[] = []
  const found: readonly (readonly [AssetKind, Probe<Measured>])[] = [
    ['cpu', measured(machine.cpu(), measureCpu)],
    ['memory', measured(machine.memory(), measureBytes)],
    ['storage', measured(machine.disk(directory), measureBytes)],
  ]
  for (const [kind, probe] of found) {
    if (!probe.available) {
      const { reason, remedy } = probe
      absent.push({ kind, reason, ...(remedy === undefined ? {} : { remedy }) })
      continue
    }
    const capacity = shareOf(probe.value.total, share)
    if (capacity === 0n) {
      absent.push({ kind, reason: `too little for share ${share.index} of ${share.of}` })
      continue
    }
    const name = `${kind}-${share.index}`
    const attributes = [
      ...probe.value.attributes,
      { name: 'share', value: `${share.index} of ${share.of}` },
    ]
    const id = assetId(owner, kind, name)
    assets.push({ id, kind, name, owner, capacity, privacy, generation: now, attributes })
  }
  return { assets, absent }
}

function measured<T>(probe: Probe<T>, measure: (value: T) => Measured): Probe<Measured> {
  return probe.available ? { available: true, value: measure(probe.value) } : probe
}

function measureCpu(cpu: { cores: number; model: string; quotaCores?: number }): Measured {
  const cores = Math.min(cpu.cores, cpu.quotaCores ?? cpu.cores)
  const total = BigInt(Math.floor(cores * 1_000))
  const model = cpu.model.slice(0, 64)
  return { total, attributes: [{ name: 'model', value: model }, machineTotal(total)] }
}

function measureBytes({ totalBytes }: { totalBytes: number }): Measured {
  const total = BigInt(totalBytes)
  return { total, attributes: [machineTotal(total)] }
}

function machineTotal(total: bigint): Attribute {
  return { name: 'machine', value: String(total) }
}
