import { equal, field, record, sha256, verify } from '@hypermesh/crypto'
import type { Codec, NativeScheme, RecordRefusal, SigningKey } from '@hypermesh/crypto'
import { CERTIFICATE_SIZE_MAX } from '../certificate/certificate.ts'

/** Longest ledger entry in bytes: an authority's two certificates and a signature. */
export const ENTRY_SIZE_MAX = 40_960

/** Longest serial in hex digits (RFC 5280 4.1.2.2: 20 octets). */
const SERIAL_LENGTH_MAX = 40

/** An ML-DSA-87 signature (FIPS 204 table 2), the longest accepted. */
const SIGNATURE_SIZE_MAX = 4_627

/** Why a certificate is revoked: RFC 5280 5.3.1, without the reasons that only suspend. */
export type RevocationReason =
  | 'unspecified'
  | 'key-compromise'
  | 'authority-compromise'
  | 'affiliation-changed'
  | 'superseded'
  | 'cessation'
  | 'privilege-withdrawn'

/** The first entry of an authority: what it is. Signed by its root. */
interface Introduced {
  readonly type: 'authority'
  readonly mesh: string
  /** DER. */
  readonly root: Uint8Array
  readonly intermediate: Uint8Array
}

/** The intent to certify a node. Signed by the intermediate. */
interface Issued {
  readonly type: 'issued'
  readonly serial: string
  readonly name: string
  /** The node's raw Ed25519 public key. */
  readonly key: Uint8Array
  /** SHA-256 of the certificate's signed part: known before the signature is. */
  readonly tbs: Uint8Array
  /** Milliseconds since 1970. */
  readonly notAfter: bigint
}

/** The intent to certify another root, named by its fingerprint. Signed by this root. */
interface Crossed {
  readonly type: 'crossed'
  readonly serial: string
  readonly root: Uint8Array
  readonly tbs: Uint8Array
  readonly notAfter: bigint
}

/** Signed by the key that signed the certificate: no other key has a say. */
interface Revoked {
  readonly type: 'revoked'
  readonly serial: string
  readonly reason: RevocationReason
  /** Milliseconds since 1970. */
  readonly at: bigint
}

/** What an entry says. */
export type EntryBody = Introduced | Issued | Crossed | Revoked

// CRLReason numbers of RFC 5280 5.3.1, as they stand on the wire.
const REASONS: ReadonlyMap<RevocationReason, number> = new Map([
  ['unspecified', 0],
  ['key-compromise', 1],
  ['authority-compromise', 2],
  ['affiliation-changed', 3],
  ['superseded', 4],
  ['cessation', 5],
  ['privilege-withdrawn', 9],
])

type WireRevoked = Omit<Revoked, 'reason'> & { readonly reason: number }
type WireBody = Exclude<EntryBody, Revoked> | WireRevoked

const digest = field.bytes({ length: 32 })
const serial = field.text({ max: SERIAL_LENGTH_MAX })

const wireBody = {
  authority: {
    mesh: field.text({ max: 63 }),
    root: field.bytes({ max: CERTIFICATE_SIZE_MAX }),
    intermediate: field.bytes({ max: CERTIFICATE_SIZE_MAX }),
  },
  issued: {
    serial,
    name: field.text({ max: 253 }),
    key: field.bytes({ length: 32 }),
    tbs: digest,
    notAfter: field.uint(),
  },
  crossed: { serial, root: digest, tbs: digest, notAfter: field.uint() },
  revoked: { serial, reason: field.count({ max: 10 }), at: field.uint() },
}

const statementCodec = record('hypermesh/trust-statement', 1, ENTRY_SIZE_MAX, {
  body: field.choice(wireBody),
  by: digest,
})

const wireCodec = record('hypermesh/trust-entry', 1, ENTRY_SIZE_MAX, {
  body: field.choice(wireBody),
  by: digest,
  signature: field.bytes({ max: SIGNATURE_SIZE_MAX }),
})

/** One line of the issuance ledger, signed by the authority that wrote it. */
export interface Entry {
  readonly body: EntryBody
  /** SHA-256 of the raw public key that signed this entry. */
  readonly by: Uint8Array
  readonly signature: Uint8Array
}

/** Encodes and decodes entries. Decoding does not verify the signature: {@link verifyEntry} does. */
export const entryCodec: Codec<Entry> = {
  domain: wireCodec.domain,
  version: wireCodec.version,
  sizeMax: wireCodec.sizeMax,
  encode: (entry) => wireCodec.encode({ ...entry, body: toWire(entry.body) }),
  decode: (bytes) => {
    const decoded = wireCodec.decode(bytes)
    if (!decoded.ok) return decoded
    const { body: wire, by, signature } = decoded.value
    const body = fromWire(wire)
    if (body) return { ok: true, value: { body, by, signature } }
    return { ok: false, refusal: { code: 'out-of-range', at: 'body.revoked.reason' } }
  },
}

/** The public half of a key that may sign entries. */
export interface EntryKey {
  readonly scheme: NativeScheme
  readonly publicKey: Uint8Array
}

export type EntryVerdict =
  | { readonly ok: true; readonly entry: Entry }
  | {
      readonly ok: false
      readonly refusal: RecordRefusal | { readonly code: 'other-key' | 'bad-signature' }
    }

/** Reads an entry and verifies that `key` signed it. */
export function verifyEntry(bytes: Uint8Array, key: EntryKey): EntryVerdict {
  const decoded = entryCodec.decode(bytes)
  if (!decoded.ok) return decoded
  const entry = decoded.value
  if (!equal(entry.by, keyId(key.publicKey))) return { ok: false, refusal: { code: 'other-key' } }
  if (!isSigned(entry, key)) return { ok: false, refusal: { code: 'bad-signature' } }
  return { ok: true, entry }
}

/** Whether `key` signed the entry. */
export function isSigned(entry: Entry, key: EntryKey): boolean {
  const statement = statementCodec.encode({ body: toWire(entry.body), by: entry.by })
  return verify(key.scheme, key.publicKey, statement, entry.signature)
}

/** Signs what an entry says; the bytes go to the ledger. */
export function signEntry(body: EntryBody, key: SigningKey): Uint8Array {
  const by = keyId(key.publicKey)
  const signature = key.sign(statementCodec.encode({ body: toWire(body), by }))
  return entryCodec.encode({ body, by, signature })
}

/** SHA-256 of a raw public key: how entries name who signs. */
export function keyId(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey)
}

function toWire(body: EntryBody): WireBody {
  if (body.type !== 'revoked') return body
  return { ...body, reason: REASONS.get(body.reason) ?? 0 }
}

function fromWire(wire: WireBody): EntryBody | undefined {
  if (wire.type !== 'revoked') return wire
  for (const [reason, code] of REASONS) if (code === wire.reason) return { ...wire, reason }
  return undefined
}
