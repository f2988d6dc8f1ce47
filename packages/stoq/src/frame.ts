import { concat } from '@hypermesh/crypto'

import { StoqError } from './errors.ts'
import { CREDENTIAL_SIZE_MAX, PROTOCOL_LENGTH_MAX } from './limits.ts'

/** Type (1 byte) and length of the payload (4 bytes, big-endian). */
const HEAD_SIZE = 5

/** The kinds of frames. The first frame on a lane says what the lane is for. */
export const frameType = { hello: 1, admit: 2, refuse: 3, open: 4, reset: 5, close: 6 } as const

export type FrameType = (typeof frameType)[keyof typeof frameType]

export interface Frame {
  readonly type: FrameType
  readonly payload: Uint8Array
}

export type FrameRefusal = { readonly code: 'incomplete' | 'unknown-type' | 'wrong-length' }

/** Least and most bytes of each payload. A hello is a credential, two keys, an instance and their names. */
const payloadSizes: Readonly<Record<FrameType, readonly [least: number, most: number]>> = {
  [frameType.hello]: [1, CREDENTIAL_SIZE_MAX + 256],
  [frameType.admit]: [0, 0],
  [frameType.refuse]: [1, 512],
  [frameType.open]: [1, PROTOCOL_LENGTH_MAX],
  [frameType.reset]: [5, 5],
  [frameType.close]: [1, 1],
}

/** @throws {StoqError} `too-long` when the payload is not of a length its type has. */
export function encodeFrame(type: FrameType, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  const [least, most] = payloadSizes[type]
  if (payload.length < least || payload.length > most) {
    throw new StoqError('too-long', `a payload of ${payload.length} bytes in frame ${type}`)
  }
  const head = new Uint8Array(HEAD_SIZE)
  head[0] = type
  new DataView(head.buffer).setUint32(1, payload.length)
  return concat(head, payload)
}

/**
 * The frame at the start of `bytes` and how many of them it takes. `incomplete` asks for more; the head alone is
 * enough for every other refusal, so a reader never holds more than one frame of its type's length.
 */
export function decodeFrame(
  bytes: Uint8Array,
):
  | { readonly ok: true; readonly frame: Frame; readonly size: number }
  | { readonly ok: false; readonly refusal: FrameRefusal } {
  const type = bytes[0]
  if (type === undefined) return refuse('incomplete')
  if (!isFrameType(type)) return refuse('unknown-type')
  if (bytes.length < HEAD_SIZE) return refuse('incomplete')
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1)
  const [least, most] = payloadSizes[type]
  if (length < least || length > most) return refuse('wrong-length')
  const size = HEAD_SIZE + length
  if (bytes.length < size) return refuse('incomplete')
  return { ok: true, frame: { type, payload: bytes.subarray(HEAD_SIZE, size) }, size }
}

function isFrameType(type: number): type is FrameType {
  return type in payloadSizes
}

function refuse(code: FrameRefusal['code']): {
  readonly ok: false
  readonly refusal: FrameRefusal
} {
  return { ok: false, refusal: { code } }
}
