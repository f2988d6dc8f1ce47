import { equal, sha256, toHex } from '@hypermesh/crypto'
import type { NativeScheme } from '@hypermesh/crypto'
import { Malformed, Reader, TAG, readNatural, readOctets, readOid, writeElement } from './der.ts'
import { readExtensions } from './extension.ts'
import type { Extensions } from './extension.ts'
import { readTime } from './time.ts'

/** Longest certificate read. One with an ML-DSA-87 key and signature is about 7.5 KiB. */
export const CERTIFICATE_SIZE_MAX = 16_384

/** Longest distinguished name. */
const NAME_SIZE_MAX = 1_024

/** RFC 5280 4.1.2.2: at most 20 octets. */
const SERIAL_SIZE_MAX = 20

// Object identifiers of keys and of their signatures, which are the same ones: RFC 8410 section 3, RFC 9881 section 2.
const SCHEMES: Readonly<Record<string, NativeScheme>> = {
  '2b6570': 'ed25519',
  '608648016503040312': 'ml-dsa-65',
  '608648016503040313': 'ml-dsa-87',
}

/** A certificate as its bytes say; nothing about it has been verified. */
export interface Certificate extends Extensions {
  readonly der: Uint8Array
  /** The part that is signed. */
  readonly tbs: Uint8Array
  /** Lower-case hex without leading zero bytes. */
  readonly serial: string
  /** Distinguished names in DER; they are compared byte by byte. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Milliseconds since 1970, both ends included. */
  readonly notBefore: bigint
  readonly notAfter: bigint
  /** `undefined`: an algorithm that is not accepted here. */
  readonly key: { readonly scheme: NativeScheme | undefined; readonly bytes: Uint8Array }
  readonly signature: {
    readonly scheme: NativeScheme | undefined
    readonly bytes: Uint8Array
    /** Whether the signed part names the same algorithm (RFC 5280 4.1.1.2). */
    readonly agrees: boolean
  }
}

export type CertificateReading =
  | { readonly ok: true; readonly certificate: Certificate }
  | {
      readonly ok: false
      readonly refusal: { readonly code: 'too-long' | 'malformed'; readonly detail: string }
    }

/** Reads an X.509 certificate (RFC 5280 4.1), version 3, strictly DER. Bytes of any kind are answered, never thrown at. */
export function readCertificate(der: Uint8Array): CertificateReading {
  if (der.length > CERTIFICATE_SIZE_MAX) {
    return refuse('too-long', `${der.length} bytes, at most ${CERTIFICATE_SIZE_MAX}`)
  }
  try {
    return { ok: true, certificate: read(der) }
  } catch (error) {
    if (error instanceof Malformed) return refuse('malformed', error.message)
    throw error
  }
}

/** SHA-256 of a certificate: how people and invites name it. */
export function fingerprint(der: Uint8Array): Uint8Array {
  return sha256(der)
}

/** Puts a signature under a signed part. */
export function assemble(tbs: Uint8Array, signature: Uint8Array): Uint8Array {
  // The signed part names its algorithm; the outer name must be the same bytes.
  const algorithm = readSignedPart(tbs).algorithm.whole
  const bits = writeElement(TAG.bitString, Uint8Array.of(0), signature)
  return writeElement(TAG.sequence, tbs, algorithm, bits)
}

function refuse(code: 'too-long' | 'malformed', detail: string): CertificateReading {
  return { ok: false, refusal: { code, detail } }
}

function read(der: Uint8Array): Certificate {
  const outer = new Reader(der)
  const certificate = outer.enter('certificate')
  outer.end('certificate')
  const tbs = certificate.take(TAG.sequence, 'signed part')
  const algorithm = readAlgorithm(certificate, 'signature algorithm')
  const bytes = readOctets(certificate, 'signature')
  certificate.end('certificate')
  const { algorithm: inner, ...part } = readSignedPart(tbs.whole)
  return {
    ...part,
    der,
    tbs: tbs.whole,
    signature: { scheme: algorithm.scheme, bytes, agrees: equal(inner.whole, algorithm.whole) },
  }
}

function readSignedPart(
  whole: Uint8Array,
): Omit<Certificate, 'der' | 'tbs' | 'signature'> & { algorithm: Algorithm } {
  const part = new Reader(whole).enter('signed part')
  const version = part.enter('version', 0xa0)
  // RFC 5280 4.1.2.1: the value 2 is version 3, the one with extensions.
  if (readNatural(version, 'version', 1)[0] !== 2) throw new Malformed('version: not 3')
  version.end('version')
  const serial = readNatural(part, 'serial', SERIAL_SIZE_MAX)
  if (serial[0] === 0) throw new Malformed('serial: zero')
  const algorithm = readAlgorithm(part, 'signed algorithm')
  const issuer = readName(part, 'issuer')
  const validity = part.enter('validity')
  const notBefore = readTime(validity, 'notBefore')
  const notAfter = readTime(validity, 'notAfter')
  validity.end('validity')
  const subject = readName(part, 'subject')
  const info = part.enter('public key')
  const { scheme } = readAlgorithm(info, 'key algorithm')
  const key = { scheme, bytes: readOctets(info, 'public key') }
  info.end('public key')
  // issuerUniqueID and subjectUniqueID ([1], [2]) must not be used (RFC 5280 4.1.2.8): they stop the reading here.
  const wrapper = part.enter('extensions', 0xa3)
  const extensions = readExtensions(wrapper.enter('extensions'))
  wrapper.end('extensions')
  part.end('signed part')
  return {
    ...extensions,
    algorithm,
    serial: toHex(serial),
    issuer,
    subject,
    notBefore,
    notAfter,
    key,
  }
}

interface Algorithm {
  readonly scheme: NativeScheme | undefined
  readonly whole: Uint8Array
}

// RFC 8410 section 3 and RFC 9881 section 2: parameters must be absent. With any, the scheme is not one of ours.
function readAlgorithm(reader: Reader, what: string): Algorithm {
  const { whole, content } = reader.take(TAG.sequence, what)
  const fields = new Reader(content)
  const scheme = SCHEMES[readOid(fields, what)]
  return { scheme: fields.done ? scheme : undefined, whole }
}

// Name ::= SEQUENCE OF SET OF { type, value }. Its values are only ever compared as bytes.
function readName(reader: Reader, what: string): Uint8Array {
  const { whole, content } = reader.take(TAG.sequence, what)
  if (whole.length > NAME_SIZE_MAX) throw new Malformed(`${what}: over ${NAME_SIZE_MAX} bytes`)
  const sets = new Reader(content)
  while (!sets.done) {
    const set = sets.enter(what, TAG.set)
    do {
      const attribute = set.enter(what)
      readOid(attribute, what)
      attribute.next(what)
      attribute.end(what)
    } while (!set.done)
  }
  return whole
}
