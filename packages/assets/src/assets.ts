import type { Random, SigningKey } from '@hypermesh/crypto'
import type { Amounts, Asset, PrivacyLevel } from './asset.ts'
import type { Absence } from './detect.ts'
import type {
  Claim,
  Claimed,
  Lease,
  Offered,
  RegisterRefusal,
  ReleaseRefusal,
  Usage,
} from './lease.ts'
import type { Machine } from './machine.ts'
import type { AssetClock, AssetLedger, ProofVerifier } from './ports.ts'
import type { Share } from './share.ts'
import type { Metered } from './usage.ts'

export interface AssetsOptions {
  /** Signs what goes to the ledger; its public key is the owner of every asset. Ed25519. */
  readonly owner: SigningKey
  /** This node's part of the machine. */
  readonly share: Share
  /** Where lent storage lies: its file system is the one that is measured. */
  readonly directory: string
  readonly ledger: AssetLedger
  readonly proofs: ProofVerifier
  readonly clock: AssetClock
  /** The widest circle to lend to. Default: `private-network`. */
  readonly privacy?: PrivacyLevel
  readonly machine?: Machine
  readonly random?: Random
}

/** What a node has, lends and takes back. */
export interface Assets extends AsyncDisposable {
  /** Measures again. A capacity that has changed has a new generation, and counts once it is registered again. */
  detect(): readonly Asset[]
  /** What could not be measured at the last `detect`, and why. */
  absent(): readonly Absence[]
  /** Makes an asset of `detect` lendable: its proof is verified, then the ledger orders it, then it counts. */
  register(
    asset: Asset,
    proof: Uint8Array,
  ): Promise<
    | { readonly ok: true; readonly proof: Uint8Array }
    | { readonly ok: false; readonly refusal: RegisterRefusal }
  >
  /** What is lendable in all, and what of it is free. */
  lendable(): { readonly capacity: Amounts; readonly free: Amounts }
  offer(request: Claim): Offered
  /**
   * Lends: holds the amounts, maps the memory, and has the ledger order the lease before it counts.
   *
   * @throws Whatever the ledger's port throws; nothing is lent then. If the ledger had ordered it all the same, it
   *   is among the leases that `reclaim` is for.
   */
  claim(request: Claim): Promise<Claimed>
  /** Takes a lease back before its time: its memory at once, then the ledger is told. */
  release(
    lease: Pick<Lease, 'id'>,
  ): Promise<
    | { readonly ok: true; readonly proof: Uint8Array }
    | { readonly ok: false; readonly refusal: ReleaseRefusal }
  >
  /** Leases that have not ended. */
  leases(): readonly Lease[]
  /** The limits of a program that runs on a lease: what a sandbox asks before it opens. */
  enter(lease: Uint8Array): Promise<
    | {
        readonly ok: true
        readonly limits: {
          readonly memoryBytes: number
          readonly cpuCores: number
          readonly until: bigint
        }
        readonly proof: Uint8Array
      }
    | { readonly ok: false; readonly reason: string }
  >
  /** Adds what a program on a lease has used; false when the lease has ended. */
  meter(lease: Uint8Array, used: Metered): boolean
  /** Undefined when the lease has ended. */
  usage(lease: Pick<Lease, 'id'>): Usage | undefined
  /**
   * Gives back what the ledger still holds as lent by us and we know nothing of, because this process died and its
   * memory with it. For the start, with the ledger's list.
   */
  reclaim(open: Iterable<{ readonly id: Uint8Array; readonly until: bigint }>): Promise<{
    readonly reclaimed: number
    readonly failed: readonly { readonly id: Uint8Array; readonly reason: string }[]
  }>
}
