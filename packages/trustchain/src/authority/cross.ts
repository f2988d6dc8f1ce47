import { checkLink } from '../chain/path.ts'
import { checkAuthority, checkEvery } from '../chain/rule.ts'
import { readCertificate } from '../certificate/certificate.ts'
import type { Certificate } from '../certificate/certificate.ts'
import { equal } from '@hypermesh/crypto'

/** Why another root is not certified. */
export interface CrossRefusal {
  readonly code: 'malformed' | 'own-root' | 'not-a-root' | 'not-valid-now'
  readonly detail: string
}

export type CrossCheck =
  | { readonly ok: true; readonly root: Certificate; readonly below: number }
  | { readonly ok: false; readonly refusal: CrossRefusal }

/**
 * Whether `der` is a root that `own` may vouch for: signed by itself, allowed to sign others, valid now.
 * `below` is what the cross-certificate may allow: no more than the other root does, and one less than this one.
 */
export function checkCross(der: Uint8Array, own: Certificate, now: bigint): CrossCheck {
  const reading = readCertificate(der)
  if (!reading.ok) return refuse('malformed', reading.refusal.detail)
  const root = reading.certificate
  if (equal(root.key.bytes, own.key.bytes)) return refuse('own-root', 'the key is our own')
  const [flaw] = [checkLink(root, root, 0) ?? [], checkAuthority(root, 0, 0)].flat()
  if (flaw) return refuse('not-a-root', `${flaw.code}: ${flaw.detail}`)
  const [untimely] = checkEvery(root, 0, now)
  if (untimely) return refuse('not-valid-now', `${untimely.code}: ${untimely.detail}`)
  const most = (own.authority?.below ?? Number.POSITIVE_INFINITY) - 1
  return { ok: true, root, below: Math.min(root.authority?.below ?? most, most) }
}

function refuse(code: CrossRefusal['code'], detail: string): CrossCheck {
  return { ok: false, refusal: { code, detail } }
}
