// The x509 library's injection container reads metadata, so this comes first.
import 'reflect-metadata'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Extension } from '@peculiar/x509'
import { concat, fromHex, sha256, toHex } from '@hypermesh/crypto'
import type { NativeScheme } from '@hypermesh/crypto'
import { readCertificate } from '../certificate/certificate.ts'
import { TrustError } from '../errors.ts'
import type { Template } from './template.ts'

/** The last second that RFC 5280 4.1.2.5 can write: 9999-12-31T23:59:59Z. */
const TIME_MAX = 253_402_300_799_000n

// SubjectPublicKeyInfo up to the key: RFC 8410 section 4, RFC 9881 section 4.
const KEY_HEADER: Readonly<Record<NativeScheme, Uint8Array>> = {
  ed25519: fromHex('302a300506032b6570032100'),
  'ml-dsa-65': fromHex('308207b2300b0609608648016503040312038207a100'),
  'ml-dsa-87': fromHex('30820a32300b060960864801650304031303820a2100'),
}

const ALGORITHM: Readonly<Record<NativeScheme, string>> = {
  ed25519: 'Ed25519',
  'ml-dsa-65': 'ML-DSA-65',
  'ml-dsa-87': 'ML-DSA-87',
}

/** The signed part, by the x509 library. */
export async function build(template: Template): Promise<Uint8Array> {
  const { issuer, key, kind } = template
  const certificate = await X509CertificateGenerator.create({
    serialNumber: template.serial,
    issuer: distinguished(issuer.name),
    // RFC 5280 4.2.1.6: a node's only name is its alternative name, so the subject is empty and that one critical.
    subject: kind.type === 'authority' ? distinguished(kind.name) : '',
    notBefore: calendar(template.notBefore),
    notAfter: calendar(template.notAfter),
    publicKey: whole(concat(KEY_HEADER[key.scheme], key.publicKey)),
    signingAlgorithm: { name: ALGORITHM[issuer.scheme] },
    // The library wants a signature to build anything; this one is thrown away with the outer part.
    signature: new Uint8Array(1),
    extensions: [...extensions(template), ...identifiers(template)],
  })
  const reading = readCertificate(new Uint8Array(certificate.rawData))
  if (reading.ok) return reading.certificate.tbs
  throw new TrustError('self-check-failed', `built no certificate: ${reading.refusal.detail}`)
}

function extensions({ kind }: Template): Extension[] {
  if (kind.type === 'authority') {
    return [
      new BasicConstraintsExtension(true, kind.below, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ]
  }
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth, ExtendedKeyUsage.serverAuth]),
    new SubjectAlternativeNameExtension([{ type: 'dns', value: kind.name }], true),
  ]
}

function identifiers({ key, issuer }: Template): Extension[] {
  return [
    new SubjectKeyIdentifierExtension(identifier(key.publicKey)),
    new AuthorityKeyIdentifierExtension(identifier(issuer.publicKey)),
  ]
}

// RFC 7093 section 2, method 1: the first 160 bits of SHA-256 over the key.
function identifier(publicKey: Uint8Array): string {
  return toHex(sha256(publicKey).subarray(0, 20))
}

function distinguished(name: string | Uint8Array): Name {
  return new Name(typeof name === 'string' ? [{ CN: [name] }] : whole(name))
}

function calendar(at: bigint): Date {
  if (at < 0n || at > TIME_MAX)
    throw new TrustError('time-out-of-range', `no certificate says ${at}`)
  // eslint-disable-next-line no-restricted-globals -- writes a given time in the library's form; reads no clock.
  return new Date(Number(at - (at % 1000n)))
}

// The library takes buffers it owns whole.
function whole(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes)
}
