import type { Random } from '@hypermesh/crypto'
import type { KeyStore } from '../keys/keystore.ts'
import type { RevocationReason } from '../ledger/entry.ts'
import type { IssuanceLedger } from '../ledger/ledger.ts'
import type { CrossRefusal } from './cross.ts'
import type { Settlement } from './journal.ts'
import type { IssueRefusal, IssueRequest } from './register.ts'

export interface AuthorityOptions {
  /** SQLite file; this process alone uses it while the authority is open. */
  readonly file: string
  readonly keys: KeyStore
  readonly ledger: IssuanceLedger
  /** Milliseconds since 1970. */
  readonly clock: { now(): bigint }
  /** Name of the mesh, at most 48 characters of the form of a node's name. */
  readonly mesh: string
  readonly random?: Random
}

export type Issuance =
  | {
      readonly ok: true
      /** DER, leaf first; the root is left out. */
      readonly chain: readonly Uint8Array[]
      readonly serial: string
    }
  | { readonly ok: false; readonly refusal: IssueRefusal }

export type CrossCertification =
  | { readonly ok: true; readonly certificate: Uint8Array; readonly serial: string }
  | { readonly ok: false; readonly refusal: CrossRefusal | { readonly code: 'revoked' } }

export interface IssuedCertificate {
  readonly serial: string
  readonly name: string
  readonly key: Uint8Array
  readonly notAfter: bigint
  readonly revoked?: { readonly reason: RevocationReason; readonly at: bigint }
  readonly certificate: Uint8Array
  /** The entry that announced it on the ledger. */
  readonly entry: Uint8Array
}

/** Certifies the nodes of one mesh. */
export interface Authority extends AsyncDisposable {
  /** DER. */
  readonly root: Uint8Array
  readonly intermediate: Uint8Array
  /**
   * Issues a certificate, or gives the one that already answers the request. Intent, ledger, signature and
   * store follow one another in this order.
   *
   * @throws {TrustError} `ledger-unavailable`, `store-unwritable`: nothing was issued; asking again carries on.
   */
  issue(request: IssueRequest): Promise<Issuance>
  /** Certifies the key of another root, until that root or this one ends. Errors as in `issue`. */
  crossCertify(root: Uint8Array): Promise<CrossCertification>
  /**
   * Revokes a certificate: here at once, for others when the ledger has it. Again is no error.
   *
   * @throws {TrustError} `unknown-serial`; `ledger-unavailable`: revoked here, and told to the ledger later.
   */
  revoke(serial: string, reason: RevocationReason): Promise<void>
  /** As {@link verifyChain} asks, of this authority's own certificates. */
  isRevoked(serial: string, issuer?: Uint8Array): boolean
  /** Certificates of nodes, in the order of their intents. */
  issued(): readonly IssuedCertificate[]
  /** Every entry this authority has written and its place on the ledger in use, in order. */
  entries(): readonly {
    readonly entry: Uint8Array
    readonly position?: bigint
    readonly proof?: Uint8Array
  }[]
  /** Carries on with intents that a crash or an absent ledger left over. `issue` and `revoke` do it by themselves. */
  settle(): Promise<Settlement>
  /**
   * Replays the journal into another ledger and uses it from then on. Repeating it is safe.
   *
   * @throws {TrustError} `replay-failed`: the ledger before stays in use.
   */
  setLedger(ledger: IssuanceLedger): Promise<void>
}
