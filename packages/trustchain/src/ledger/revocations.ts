import type { NativeScheme } from '@hypermesh/crypto'
import { toHex } from '@hypermesh/crypto'
import { readCertificate } from '../certificate/certificate.ts'
import { entryCodec, isSigned, keyId } from './entry.ts'
import type { Entry, EntryKey } from './entry.ts'

/** Most authorities one ledger knows. Each one costs two keys of memory. */
const AUTHORITIES_MAX = 64

export type Taking =
  | { readonly ok: true; readonly entry: Entry }
  | { readonly ok: false; readonly reason: 'malformed' | 'unknown-key' | 'bad-signature' | 'full' }

/** What a ledger says about revocation, at one point of its order. */
export interface Revocations {
  /** Takes the ledger's next entry. One that its key did not sign changes nothing. */
  add(entry: Uint8Array): Taking
  /**
   * Whether the certificate is revoked, as {@link verifyChain} asks. Only the key that signed a certificate can
   * have revoked it: `issuer` is the SHA-256 of that key. Without it, any authority's word counts.
   */
  isRevoked(serial: string, issuer?: Uint8Array): boolean
}

/** Folds a ledger's entries, in their order, into what any node needs to know about revocation. */
export function revocations(entries: Iterable<Uint8Array> = []): Revocations {
  const keys = new Map<string, EntryKey>()
  const revoked = new Map<string, Set<string>>()
  const add = (bytes: Uint8Array): Taking => {
    const decoded = entryCodec.decode(bytes)
    if (!decoded.ok) return { ok: false, reason: 'malformed' }
    const entry = decoded.value
    const { body } = entry
    const by = toHex(entry.by)
    if (body.type === 'authority') return introduce(entry, keys)
    const key = keys.get(by)
    if (!key) return { ok: false, reason: 'unknown-key' }
    if (!isSigned(entry, key)) return { ok: false, reason: 'bad-signature' }
    if (body.type === 'revoked') {
      revoked.set(body.serial, (revoked.get(body.serial) ?? new Set()).add(by))
    }
    return { ok: true, entry }
  }
  for (const entry of entries) add(entry)
  return {
    add,
    isRevoked: (serial, issuer) => {
      const issuers = revoked.get(serial)
      return issuers !== undefined && (issuer === undefined || issuers.has(toHex(issuer)))
    },
  }
}

// An authority speaks only about certificates that its own keys signed, so anyone may introduce one:
// whether its certificates are trusted is for the anchors to say.
function introduce(entry: Entry, keys: Map<string, EntryKey>): Taking {
  if (entry.body.type !== 'authority') return { ok: false, reason: 'malformed' }
  const root = keyOf(entry.body.root)
  const intermediate = keyOf(entry.body.intermediate)
  if (!root || !intermediate) return { ok: false, reason: 'malformed' }
  if (toHex(keyId(root.publicKey)) !== toHex(entry.by)) return { ok: false, reason: 'unknown-key' }
  if (!isSigned(entry, root)) return { ok: false, reason: 'bad-signature' }
  const fresh = [root, intermediate].filter((key) => !keys.has(toHex(keyId(key.publicKey))))
  if (keys.size + fresh.length > 2 * AUTHORITIES_MAX) return { ok: false, reason: 'full' }
  for (const key of fresh) keys.set(toHex(keyId(key.publicKey)), key)
  return { ok: true, entry }
}

function keyOf(der: Uint8Array): EntryKey | undefined {
  const reading = readCertificate(der)
  if (!reading.ok) return undefined
  const { scheme, bytes } = reading.certificate.key
  const known: NativeScheme | undefined = scheme
  return known && { scheme: known, publicKey: bytes }
}
