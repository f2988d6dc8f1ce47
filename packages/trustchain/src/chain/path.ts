import { equal, verify } from '@hypermesh/crypto'
import type { Certificate } from '../certificate/certificate.ts'
import type { ChainRefusal } from './refusal.ts'

export interface Path {
  /** Leaf first, anchor last. */
  readonly certificates: readonly Certificate[]
  readonly anchor: Certificate | undefined
  readonly refusals: readonly ChainRefusal[]
}

/**
 * Walks a chain from its leaf to the first anchor that is in it or has signed the next certificate. What lies
 * beyond that anchor is not looked at, so one chain serves peers with different anchors. There is no search:
 * each certificate must be signed by the one after it.
 */
export function findPath(chain: readonly Certificate[], anchors: readonly Certificate[]): Path {
  const refusals: ChainRefusal[] = []
  for (const [at, certificate] of chain.entries()) {
    const certificates = chain.slice(0, at + 1)
    // The leaf cannot vouch for itself: a pinned leaf is a pinned key, not a chain.
    const isAnchor = at > 0 && anchors.some((anchor) => equal(anchor.der, certificate.der))
    if (isAnchor) return { certificates, anchor: certificate, refusals }
    const anchor = anchors.find((each) => checkLink(certificate, each, at) === undefined)
    if (anchor) return { certificates: [...certificates, anchor], anchor, refusals }
    const next = chain[at + 1]
    const refusal = next && checkLink(certificate, next, at)
    if (refusal) refusals.push(refusal)
  }
  const at = chain.length - 1
  const last = chain[at]
  const isNamed = anchors.some(({ subject }) => last && equal(last.issuer, subject))
  const detail = isNamed ? 'an anchor has the name, but did not sign it' : 'no anchor signed it'
  refusals.push({ code: 'unknown-anchor', at, detail })
  return { certificates: chain, anchor: undefined, refusals }
}

/** Whether `issuer` signed `certificate`: names, algorithms, signature (RFC 5280 6.1.3 a). */
export function checkLink(
  certificate: Certificate,
  issuer: Certificate,
  at: number,
): ChainRefusal | undefined {
  if (!equal(certificate.issuer, issuer.subject)) {
    return { code: 'issuer-mismatch', at, detail: 'the next certificate has another subject' }
  }
  const { scheme, agrees } = certificate.signature
  // Without this an outer algorithm could be swapped, as it is not signed itself (RFC 5280 4.1.1.2).
  if (!agrees) {
    return { code: 'algorithm-mismatch', at, detail: 'signed and outer algorithm differ' }
  }
  if (!scheme || scheme !== issuer.key.scheme) {
    return { code: 'algorithm-mismatch', at, detail: 'not the algorithm of the key that signs' }
  }
  if (!verify(scheme, issuer.key.bytes, certificate.tbs, certificate.signature.bytes)) {
    return { code: 'bad-signature', at, detail: `${scheme} signature does not verify` }
  }
  return undefined
}
