import type { MappedMemory, Probe } from '@hypermesh/host'
import type { AssetKind, PrivacyLevel } from './asset.ts'
import type { BookRefusal } from './book.ts'

/**
 * Who holds a limit. `kernel`: nothing can pass it. `ledger`: no more is promised than there is, and whoever runs a
 * program on the lease must hold it to that. `none`: nobody.
 */
export type Enforcement = 'kernel' | 'ledger' | 'none'

/** What a holder asks for. Absent amounts are none. */
export interface Claim {
  /** The holder's raw Ed25519 public key, 32 bytes. */
  readonly holder: Uint8Array
  /** Thousandths of a core. */
  readonly cpu?: bigint
  /** Bytes. */
  readonly memory?: bigint
  /** Bytes. */
  readonly storage?: bigint
  /** Milliseconds; the lease ends at this instant. */
  readonly until: bigint
  /** How widely the owner's things must be lendable for this; `private` is for the owner itself. */
  readonly privacy: PrivacyLevel
  /**
   * What the memory is for: a `region` that is mapped now and read and written by its address (the default), or a
   * `program` that takes it itself when it runs.
   */
  readonly memoryFor?: 'region' | 'program'
}

/** A loan that the ledger has ordered. */
export interface Lease {
  readonly id: Uint8Array
  readonly owner: Uint8Array
  readonly holder: Uint8Array
  readonly cpu: bigint
  readonly memory: bigint
  readonly storage: bigint
  readonly privacy: PrivacyLevel
  readonly since: bigint
  readonly until: bigint
  /** The ledger's proof of the lease's place. */
  readonly proof: Uint8Array
  /** Lent memory, really allocated; its bytes are empty once the lease has ended. */
  readonly region?: MappedMemory
  readonly enforcement: Readonly<Record<AssetKind | 'time', Enforcement>>
}

/** Why something was not lent. */
export type ClaimRefusal =
  | BookRefusal
  | { readonly code: 'bad-request'; readonly reason: string }
  /** The owner does not lend this widely. */
  | { readonly code: 'too-public'; readonly allowed: PrivacyLevel }
  /** Within the capacity, but the machine has not so much free at this moment. */
  | { readonly code: 'not-available'; readonly kind: AssetKind; readonly reason: string }
  | { readonly code: 'not-ordered'; readonly reason: string }
  /** Its time ran out before the ledger had ordered it. */
  | { readonly code: 'expired' }

export type Claimed =
  | { readonly ok: true; readonly lease: Lease }
  | { readonly ok: false; readonly refusal: ClaimRefusal }

/** What could be lent at this moment. It holds nothing back: only a claim does. */
export type Offered =
  | { readonly ok: true; readonly offer: Offer }
  | { readonly ok: false; readonly refusal: ClaimRefusal }

export interface Offer {
  readonly cpu: bigint
  readonly memory: bigint
  readonly storage: bigint
  readonly until: bigint
}

export type RegisterRefusal =
  /** Not one that `detect` found here. */
  | { readonly code: 'unknown-asset' }
  /** Found with another capacity, level or generation since. */
  | { readonly code: 'stale-asset' }
  | { readonly code: 'proof-refused'; readonly reason: string }
  | { readonly code: 'not-ordered'; readonly reason: string }

export type ReleaseRefusal =
  | { readonly code: 'no-such-lease' }
  /** Given back here, but the ledger has not taken it yet: release again. */
  | { readonly code: 'not-ordered'; readonly reason: string }

/** What a lease has been used for, as far as anyone measured it. */
export interface Usage {
  readonly since: bigint
  readonly until: bigint
  /** Bytes of mapped memory that the lease holds now. */
  readonly regionBytes: number
  /** Processor time that programs on the lease have reported, in milliseconds. */
  readonly cpuMs: Probe<number>
  /** The greatest peak of memory that a program on the lease has reported, in bytes. */
  readonly memoryPeakBytes: Probe<number>
}
