import type { Certificate } from '../certificate/certificate.ts'
import { USAGE } from '../certificate/extension.ts'
import { isName } from '../name.ts'
import type { ChainRefusal, ChainRefusalCode } from './refusal.ts'

/** An Ed25519 public key (RFC 8032 5.1.5). */
const LEAF_KEY_LENGTH = 32

type Finding = readonly [code: ChainRefusalCode, detail: string]

/** What is asked of every certificate on the path, the anchor too. */
export function checkEvery(certificate: Certificate, at: number, now: bigint): ChainRefusal[] {
  const found: Finding[] = []
  const { notBefore, notAfter, unknownCritical, purposes } = certificate
  if (now < notBefore) found.push(['not-yet-valid', `valid from ${notBefore}, now ${now}`])
  if (now > notAfter) found.push(['expired', `valid until ${notAfter}, now ${now}`])
  // RFC 5280 4.2: a critical extension that is not understood is a restriction that would be ignored.
  for (const oid of unknownCritical) found.push(['unknown-critical-extension', oid])
  // A node speaks as client and as server; an authority that names purposes limits those below it.
  if (purposes && !(purposes.has('client') && purposes.has('server'))) {
    found.push(['key-purpose', 'not for both client and server'])
  }
  return place(found, at)
}

/** What is asked of a certificate that signs others; `below` authorities stand between it and the leaf. */
export function checkAuthority(
  certificate: Certificate,
  at: number,
  below: number,
): ChainRefusal[] {
  const found: Finding[] = []
  const { authority, usage } = certificate
  if (!authority) found.push(['not-an-authority', 'basicConstraints does not say cA'])
  // RFC 5280 6.1.4 (l) does not count self-issued certificates. Here they count: the bound is on the chain's length.
  if (authority?.below !== undefined && below > authority.below) {
    found.push(['path-too-long', `${below} authorities below, at most ${authority.below}`])
  }
  if (usage === undefined || !(usage & USAGE.keyCertSign)) {
    found.push(['key-usage', 'keyCertSign is not set'])
  }
  return place(found, at)
}

/** What is asked of the first certificate: a node's transport key under a node's name. */
export function checkLeaf(certificate: Certificate): ChainRefusal[] {
  const found: Finding[] = []
  const { authority, usage, purposes, key, names } = certificate
  if (authority) found.push(['leaf-is-authority', 'basicConstraints says cA'])
  if (usage === undefined || !(usage & USAGE.digitalSignature)) {
    found.push(['key-usage', 'digitalSignature is not set'])
  }
  if (!purposes) found.push(['key-purpose', 'no extended key usage'])
  if (key.scheme !== 'ed25519' || key.bytes.length !== LEAF_KEY_LENGTH) {
    found.push(['leaf-key', 'not an Ed25519 key'])
  }
  const [name, ...more] = names?.dns ?? []
  if (name === undefined) found.push(['name-missing', 'no dNSName'])
  else if (more.length > 0 || names?.others || !isName(name)) {
    found.push(['name-malformed', 'not exactly one well-formed dNSName'])
  }
  return place(found, 0)
}

function place(found: readonly Finding[], at: number): ChainRefusal[] {
  return found.map(([code, detail]) => ({ code, at, detail }))
}
