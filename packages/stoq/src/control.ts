import { frameType } from './frame.ts'
import type { Frame } from './frame.ts'

/** Why a connection was closed. The place in the list is its code on the wire. */
const REASONS = ['closing', 'replaced', 'duplicate', 'not-authenticated', 'malformed'] as const

/** `lost` is never sent: the wire went without a word. */
export type CloseReason = (typeof REASONS)[number] | 'lost'

/** What a control lane says once both sides have let each other in. */
export type Control =
  | { readonly type: 'close'; readonly reason: CloseReason }
  /** The stream `id` was given up; `mine` when the one who says so opened it. */
  | { readonly type: 'reset'; readonly mine: boolean; readonly id: number }

/** One byte. */
export function encodeClose(reason: Exclude<CloseReason, 'lost'>): Uint8Array {
  return Uint8Array.of(REASONS.indexOf(reason))
}

/** One byte for who opened the stream, four for its number, big-endian. */
export function encodeReset(stream: { readonly mine: boolean; readonly id: number }): Uint8Array {
  const payload = new Uint8Array(5)
  payload[0] = stream.mine ? 1 : 0
  new DataView(payload.buffer).setUint32(1, stream.id)
  return payload
}

/** Undefined when a control lane does not say such things. */
export function decodeControl({ type, payload }: Frame): Control | undefined {
  if (type === frameType.close) {
    const reason = payload.length === 1 ? REASONS[payload[0] ?? REASONS.length] : undefined
    return reason && { type: 'close', reason }
  }
  if (type !== frameType.reset || payload.length !== 5) return undefined
  const [opener] = payload
  if (opener !== 0 && opener !== 1) return undefined
  const id = new DataView(payload.buffer, payload.byteOffset).getUint32(1)
  return { type: 'reset', mine: opener === 1, id }
}
