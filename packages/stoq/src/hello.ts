import { equal, field, record } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'

import { CREDENTIAL_SIZE_MAX, REASON_LENGTH_MAX } from './limits.ts'

/** What each side says first. */
export interface Hello {
  /** The Ed25519 key of the speaker, 32 bytes. */
  readonly from: Uint8Array
  /** The key it means to speak to. */
  readonly to: Uint8Array
  /** Drawn anew each time an endpoint starts, 16 bytes: tells a restarted peer from one that dials twice. */
  readonly instance: Uint8Array
  readonly credential: Uint8Array
}

export const helloCodec: Codec<Hello> = record('stoq/hello', 1, CREDENTIAL_SIZE_MAX + 256, {
  from: field.bytes({ length: 32 }),
  to: field.bytes({ length: 32 }),
  instance: field.bytes({ length: 16 }),
  credential: field.bytes({ max: CREDENTIAL_SIZE_MAX }),
})

/** Why a peer is turned away: `reason` is for people. */
export interface Refusal {
  readonly code: string
  readonly reason: string
}

export const refusalCodec: Codec<Refusal> = record('stoq/refusal', 1, 512, {
  code: field.text({ max: 32 }),
  reason: field.text({ max: REASON_LENGTH_MAX }),
})

/**
 * Reads a hello and holds it against the keys that the carrier proved: a hello made for another connection, and
 * handed on, is refused.
 */
export function checkHello(
  bytes: Uint8Array,
  { self, remote }: { readonly self: Uint8Array; readonly remote: Uint8Array },
):
  | { readonly ok: true; readonly hello: Hello }
  | { readonly ok: false; readonly refusal: Refusal } {
  const decoded = helloCodec.decode(bytes)
  if (!decoded.ok) {
    return refuse('malformed', `the hello is not one: ${decoded.refusal.code}`)
  }
  const hello = decoded.value
  if (!equal(hello.from, remote)) return refuse('wrong-key', 'the hello is from another key')
  if (!equal(hello.to, self)) return refuse('wrong-key', 'the hello is for another key')
  return { ok: true, hello }
}

/** A refusal as it goes over the wire; a reason that is too long is cut. */
export function encodeRefusal({ code, reason }: Refusal): Uint8Array {
  let cut = reason.toWellFormed().slice(0, REASON_LENGTH_MAX)
  const encoder = new TextEncoder()
  while (encoder.encode(cut).length > REASON_LENGTH_MAX) cut = cut.slice(0, -1).toWellFormed()
  return refusalCodec.encode({ code, reason: cut })
}

/** Never fails: a refusal that cannot be read is still one. */
export function decodeRefusal(bytes: Uint8Array): Refusal {
  const decoded = refusalCodec.decode(bytes)
  return decoded.ok
    ? decoded.value
    : { code: 'malformed', reason: 'a refusal that is not readable' }
}

function refuse(code: string, reason: string): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal: { code, reason } }
}
