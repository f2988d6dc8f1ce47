import type { MeshAddress } from './address.ts'

/** Why the owner's node turned an operation down. The place in this list, from 1, says so on the wire: only append. */
const CODES = [
  'not-attached', // the handle names no attachment of this stream
  'stale', // the region was revoked or lent anew since
  'out-of-range', // past the granted bytes, or past the region
  'expired', // the capability's time is over
  'not-yet', // and this is before it begins
  'no-right', // the capability does not include this
  'too-many', // attachments on this stream
  'revoked', // a grant of the chain was taken back
  'moved', // the asset is on another node now, named in the reply
  'unknown-region', // nothing here has this address
  'draining', // no new attachments; open ones go on
  'bad-capability', // the bytes do not decode
  'forged-address', // the owner's keys do not lead to the asset's address
  'bad-signature', // a grant was not signed by the one before
  'widened', // a grant gives more than the one before
  'wrong-audience', // granted to another key than the peer's
  'not-the-owner', // the mesh knows no owner, or another one
] as const

export type MemoryRefusalCode = (typeof CODES)[number]

/** A failed operation. The last three codes are this side's finding, the others the owner's node's. */
export interface Refusal {
  readonly code: MemoryRefusalCode | 'unreachable' | 'disconnected' | 'protocol'
  /** With `moved`: the node that has the asset now. */
  readonly node?: MeshAddress
  /** What is known beyond the code. */
  readonly reason?: string
}

export function statusOf(code: 'ok' | MemoryRefusalCode): number {
  return code === 'ok' ? 0 : CODES.indexOf(code) + 1
}

export function codeOf(status: number): 'ok' | MemoryRefusalCode | undefined {
  return status === 0 ? 'ok' : CODES[status - 1]
}
