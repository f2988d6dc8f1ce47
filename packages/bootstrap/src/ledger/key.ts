import { concat } from '@hypermesh/crypto'

/** The shelves of the ledger's state. A key is the shelf's name, a slash, and what names the thing there. */
export type Shelf =
  /** An authority's first entry, by its root's fingerprint. */
  | 'authority'
  /** Every entry of every authority, by its hash. */
  | 'issuance'
  /** The root that a member has founded, by the member's key. */
  | 'founder'
  /** The entry that issued it, by its issuer's key and its serial. */
  | 'certificate'
  /** The entry that revoked it, by its issuer's key and its serial. */
  | 'revoked'
  /** The certificate of a name: its issuer's key and its serial. */
  | 'holder'
  /** A cross-certificate, by the fingerprints of its two roots. */
  | 'cross'
  /** Where a name is reached. */
  | 'name'
  | 'asset'
  /** Leases that run, by their owner and then their id. */
  | 'lease'
  /** Receipts, by their hash. */
  | 'receipt'
  /** What another node got, by the receipt's hash and the node's key. */
  | 'verdict'

const text = new TextEncoder()

export function keyOf(shelf: Shelf, ...parts: readonly Uint8Array[]): Uint8Array {
  return concat(text.encode(`${shelf}/`), ...parts)
}

/** With an empty name: what every key of the shelf begins with. */
export function textKey(shelf: Shelf, name: string): Uint8Array {
  return keyOf(shelf, text.encode(name))
}
