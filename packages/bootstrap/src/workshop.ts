import { join } from 'node:path'

import { openAssets } from '@hypermesh/assets'
import type { Asset, Assets } from '@hypermesh/assets'
import { openCatalog } from '@hypermesh/catalog-vm'
import type { Catalog } from '@hypermesh/catalog-vm'
import type { ProofPolicy } from '@hypermesh/consensus'
import type { Identity } from '@hypermesh/crypto'
import {
  assetAddress,
  createTranslation,
  MEMORY_PROTOCOL,
  nodeAddress,
  serveMemory,
} from '@hypermesh/proxy-nat'
import type { TrustSource } from '@hypermesh/proxy-nat'

import type { Directory } from './directory.ts'
import { BootstrapError } from './errors.ts'
import { serveJobs } from './jobs/executor.ts'
import { runJob } from './jobs/gateway.ts'
import type { JobEvent, JobReport, JobWork } from './jobs/work.ts'
import { leasesOf } from './ledger/ledger.ts'
import type { Ledger } from './ledger/ledger.ts'
import { createLending } from './lending.ts'
import type { Peers } from './peers.ts'
import { assetLedger } from './plugs/asset-ledger.ts'
import type { SystemClock } from './plugs/clock.ts'
import { leaseVerifier } from './plugs/lease.ts'
import { stoqLinks } from './plugs/links.ts'
import { remoteMounts } from './plugs/mounts.ts'
import { proofVerifier } from './plugs/proofs.ts'
import { ledgerReceipts } from './plugs/receipts.ts'
import { lentRegions } from './plugs/regions.ts'
import { ledgerTrust } from './plugs/trust.ts'
import { openStanding } from './standing.ts'
import type { Standing } from './standing.ts'

/** An asset that this node has registered. */
export interface LentPart {
  readonly kind: string
  readonly capacity: number
  /** `millicores` or `bytes`. */
  readonly unit: string
}

/** Everything a node does once it is part of a mesh: it lends, it runs, it carries jobs. */
export interface Workshop extends AsyncDisposable {
  readonly catalog: Catalog
  readonly standing: Standing
  lend(): Promise<readonly LentPart[]>
  run(work: JobWork, tell: (event: JobEvent) => void): Promise<JobReport>
}

export interface WorkshopOptions {
  readonly directory: string
  readonly share: { readonly index: number; readonly of: number }
  readonly identity: Identity
  readonly peers: Peers
  readonly nodes: Directory
  readonly ledger: Ledger
  readonly clock: SystemClock
  readonly policy: ProofPolicy
  readonly signal: AbortSignal
  readonly onProof: (holds: boolean) => void
  readonly onRemoteBytes: (count: number) => void
}

export async function openWorkshop(options: WorkshopOptions): Promise<Workshop> {
  const { directory, identity, peers, nodes, ledger, clock, policy, signal } = options
  const key = identity.ed25519
  await using scope = new AsyncDisposableStack()
  const standing = scope.use(
    await openStanding({
      file: join(directory, 'space'),
      key,
      ledger,
      peers,
      clock,
      policy,
      signal,
    }),
  )
  const proofs = proofVerifier({
    ledger,
    owner: key.publicKey,
    policy,
    clock,
    onProof: options.onProof,
  })
  const assets = scope.use(
    await openAssets({
      owner: key,
      share: options.share,
      directory,
      ledger: assetLedger(ledger, standing),
      proofs,
      clock,
    }),
  )
  const links = stoqLinks(nodes, peers)
  const trust = ledgerTrust(ledger, nodes, clock)
  const lending = openLending(options, assets, trust)
  const mounts = remoteMounts({ links, trust, holder: key, onBytes: options.onRemoteBytes })
  const catalog = await openCatalog({
    executor: key,
    leases: assets,
    mounts,
    proofs: leaseVerifier(ledger, proofs),
    receipts: ledgerReceipts(ledger),
    clock,
  })
  serveJobs({ peers, catalog, lending, mounts, ledger, key: key.publicKey })
  const parts = scope.move()
  return {
    catalog,
    standing,
    lend: async () => {
      const lent = await registerAll(assets, standing)
      // What an earlier run of this node had lent when it was ended: nobody here holds it any more.
      await assets.reclaim(leasesOf(ledger.state(), key.publicKey))
      return lent
    },
    run: (work, tell) =>
      runJob(work, { key, directory: nodes, peers, links, trust, ledger, clock }, tell),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

// The memory that others reach by address: one asset, whose regions are the leases on it.
function openLending(
  { identity, peers, clock }: WorkshopOptions,
  assets: Assets,
  trust: TrustSource,
): ReturnType<typeof createLending> {
  const { ed25519, falcon1024 } = identity
  const falcon = falcon1024.publicKey
  const self = nodeAddress({ ed25519: ed25519.publicKey, falcon1024: falcon })
  const asset = assets.detect().find(({ kind }) => kind === 'memory')
  if (!asset)
    throw new BootstrapError('no-memory', `no memory to lend: ${JSON.stringify(assets.absent())}`)
  const memory = { id: asset.id, address: assetAddress(self, asset.id) }
  const lendings = lentRegions(memory.address, Number(clock.now() / 1000n))
  const table = createTranslation({ regions: lendings })
  peers.serve(MEMORY_PROTOCOL, async (stream, peer) => {
    await serveMemory({ self, table, trust, stream, peer: peer.key })
  })
  return createLending({ assets, key: ed25519, falcon, memory, lendings, table, clock })
}

async function registerAll(assets: Assets, standing: Standing): Promise<readonly LentPart[]> {
  const lent: LentPart[] = []
  for (const asset of assets.detect()) {
    const registered = await assets.register(asset, await standing.prove(asset.id))
    if (!registered.ok) {
      throw new BootstrapError(
        'not-ordered',
        `${asset.kind}: ${JSON.stringify(registered.refusal)}`,
      )
    }
    lent.push(lentPart(asset))
  }
  return lent
}

function lentPart({ kind, capacity }: Asset): LentPart {
  return { kind, capacity: Number(capacity), unit: kind === 'cpu' ? 'millicores' : 'bytes' }
}
