import type { Assets, ClaimRefusal, Lease } from '@hypermesh/assets'
import { equal } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import { grant, referenceCodec } from '@hypermesh/proxy-nat'
import type { MeshAddress, Translation } from '@hypermesh/proxy-nat'

import type { SystemClock } from './plugs/clock.ts'
import type { Lendings } from './plugs/regions.ts'

/** Longest time for which memory is lent at one request, milliseconds. */
const REGION_MS_MAX = 3_600_000n

/** Lends this node's assets to others of the mesh. */
export interface Lending {
  /** A lease to run a program on: all the processor time that is free, and so much memory. */
  claim(request: {
    readonly holder: Uint8Array
    readonly memoryBytes: number
    readonly forMs: number
  }): Promise<{ readonly ok: true; readonly lease: Lease } | Refused>
  /** Ends a lease here at once, and in the ledger when it takes that. Never throws. */
  release(lease: Lease): Promise<void>
  /** Memory, and what lets the holder write and read it and hand it on. */
  lendRegion(request: {
    readonly holder: Uint8Array
    readonly sizeBytes: number
    readonly until: bigint
  }): Promise<{ readonly ok: true; readonly reference: Uint8Array } | Refused>
  /** Takes memory back from its holder: its bytes are gone at once, whoever still has an address of them. */
  returnRegion(request: {
    readonly holder: Uint8Array
    readonly region: number
  }): Promise<{ readonly ok: true } | Refused>
}

type Refused = { readonly ok: false; readonly code: string; readonly reason: string }

interface LendingOptions {
  readonly assets: Assets
  readonly key: SigningKey
  readonly falcon: Uint8Array
  /** This node's memory, as an asset and as an address. */
  readonly memory: { readonly id: Uint8Array; readonly address: MeshAddress }
  readonly lendings: Lendings
  readonly table: Translation
  readonly clock: SystemClock
}

export function createLending(options: LendingOptions): Lending {
  const { assets, memory, lendings, table, clock } = options
  const loans = new Map<number, Lease>()
  return {
    claim: async ({ holder, memoryBytes, forMs }) => {
      const { cpu } = assets.lendable().free
      const until = clock.now() + BigInt(forMs)
      const claimed = await assets.claim({
        holder,
        cpu,
        memory: BigInt(memoryBytes),
        memoryFor: 'program',
        until,
        privacy: 'private-network',
      })
      return claimed.ok ? claimed : refuse(claimed.refusal)
    },
    release: async (lease) => {
      // A release that the ledger does not take now is taken again at the next start, or ends with its time.
      await assets.release(lease).catch(() => undefined)
    },
    lendRegion: async ({ holder, sizeBytes, until }) => {
      const now = clock.now()
      const end = until < now + REGION_MS_MAX ? until : now + REGION_MS_MAX
      const claimed = await assets.claim({
        holder,
        memory: BigInt(sizeBytes),
        until: end,
        privacy: 'private-network',
      })
      if (!claimed.ok) return refuse(claimed.refusal)
      const { region: mapped } = claimed.lease
      const region = mapped && lendings.add(mapped)
      const generation = region && table.generation(memory.address, region)
      if (region === undefined || generation === undefined) {
        await assets.release(claimed.lease).catch(() => undefined)
        return { ok: false, code: 'no-memory', reason: 'the region is not there' }
      }
      // Leases that ended by themselves are forgotten with the next one.
      for (const [number, { until: over }] of loans) if (over <= now) loans.delete(number)
      loans.set(region, claimed.lease)
      const terms = { holder, sizeBytes, region, generation, from: now, until: end }
      return { ok: true, reference: referenceTo(options, terms) }
    },
    returnRegion: async ({ holder, region }) => {
      const lease = loans.get(region)
      if (!lease || !equal(lease.holder, holder)) {
        return { ok: false, code: 'no-such-region', reason: 'the peer holds no such region' }
      }
      loans.delete(region)
      await assets.release(lease).catch(() => undefined)
      return { ok: true }
    },
  }
}

/** What lets the holder do with a region as it likes, and hand it on, until the lease ends. */
function referenceTo(
  { key, falcon, memory }: LendingOptions,
  terms: {
    readonly holder: Uint8Array
    readonly sizeBytes: number
    readonly region: number
    readonly generation: number
    readonly from: bigint
    readonly until: bigint
  },
): Uint8Array {
  const { holder, sizeBytes, region, generation, from, until } = terms
  const capability = grant({
    owner: key,
    falcon1024: falcon,
    assetId: memory.id,
    region,
    generation,
    audience: holder,
    rights: ['attach', 'read', 'write'],
    offset: 0,
    length: sizeBytes,
    notBefore: from,
    notAfter: until,
  })
  const pointer = { address: memory.address, region, offset: 0, length: sizeBytes }
  return referenceCodec.encode({ capability, pointer })
}

function refuse(refusal: ClaimRefusal): Refused {
  return { ok: false, code: refusal.code, reason: JSON.stringify(refusal, plain) }
}

// Amounts are bigint, which JSON does not have.
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
