import { sha256 } from '@hypermesh/crypto'
import { readCertificate } from '../certificate/certificate.ts'
import type { Certificate } from '../certificate/certificate.ts'
import { TrustError } from '../errors.ts'
import { CHAIN_LENGTH_MAX } from './chain.ts'
import { findPath } from './path.ts'
import type { ChainRefusal } from './refusal.ts'
import { checkAuthority, checkEvery, checkLeaf } from './rule.ts'

export type ChainVerdict =
  | {
      readonly ok: true
      readonly name: string
      /** The node's raw Ed25519 public key. */
      readonly key: Uint8Array
      readonly serial: string
      /** The anchor that the chain ends in, DER. */
      readonly root: Uint8Array
    }
  | { readonly ok: false; readonly reasons: readonly ChainRefusal[] }

export interface ChainQuestion {
  /** DER, leaf first, each signed by the next. The anchor may stand at the end or be left out. */
  readonly chain: readonly Uint8Array[]
  /** Root certificates that are trusted, DER. Without any, nothing is. */
  readonly anchors: readonly Uint8Array[]
  /** Milliseconds since 1970. */
  readonly now: bigint
  /**
   * Whether the certificate with this serial is revoked. Serials are unique under one issuer only:
   * `issuer` is the SHA-256 of the raw public key that signed it.
   */
  isRevoked(serial: string, issuer: Uint8Array): boolean
}

/**
 * Decides whether a node may speak under the name and key of its chain (RFC 5280 section 6, without policies
 * and name constraints, whose critical forms are refused as unknown). All reasons found are given, not only the first.
 *
 * @throws {TrustError} `anchor-malformed` when an anchor cannot be read: what the caller trusts is broken.
 */
export async function verifyChain(question: ChainQuestion): Promise<ChainVerdict> {
  return decideChain(question)
}

/** {@link verifyChain} at once. */
export function decideChain(question: ChainQuestion): ChainVerdict {
  const { chain: bytes, now } = question
  const anchors = question.anchors.map(readAnchor)
  if (bytes.length === 0) return refuse({ code: 'empty-chain', at: 0, detail: 'no certificate' })
  if (bytes.length > CHAIN_LENGTH_MAX) {
    const detail = `${bytes.length} certificates, at most ${CHAIN_LENGTH_MAX}`
    return refuse({ code: 'chain-too-long', at: CHAIN_LENGTH_MAX, detail })
  }
  const chain: Certificate[] = []
  for (const [at, der] of bytes.entries()) {
    const reading = readCertificate(der)
    if (!reading.ok) {
      const code = reading.refusal.code === 'too-long' ? 'certificate-too-long' : 'malformed'
      return refuse({ code, at, detail: reading.refusal.detail })
    }
    chain.push(reading.certificate)
  }
  const { certificates, anchor, refusals } = findPath(chain, anchors)
  const reasons = [...refusals]
  for (const [at, certificate] of certificates.entries()) {
    reasons.push(...checkEvery(certificate, at, now))
    if (at > 0) reasons.push(...checkAuthority(certificate, at, at - 1))
    else reasons.push(...checkLeaf(certificate))
    const issuer = certificates[at + 1]
    // An anchor is taken out of `anchors`, not revoked: nobody stands above it to say so.
    if (issuer && question.isRevoked(certificate.serial, sha256(issuer.key.bytes))) {
      reasons.push({ code: 'revoked', at, detail: certificate.serial })
    }
  }
  const [leaf] = chain
  const name = leaf?.names?.dns[0]
  if (reasons.length > 0 || !leaf || !anchor || name === undefined) return { ok: false, reasons }
  return { ok: true, name, key: leaf.key.bytes, serial: leaf.serial, root: anchor.der }
}

function readAnchor(der: Uint8Array): Certificate {
  const reading = readCertificate(der)
  if (reading.ok) return reading.certificate
  throw new TrustError(
    'anchor-malformed',
    `an anchor is not a certificate: ${reading.refusal.detail}`,
  )
}

function refuse(reason: ChainRefusal): ChainVerdict {
  return { ok: false, reasons: [reason] }
}
