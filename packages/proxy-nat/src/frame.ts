import { CAPABILITY_SIZE_MAX } from './capability.ts'
import { codeOf, type MemoryRefusalCode, statusOf } from './refusal.ts'

/** The name under which nodes open streams of these frames. */
export const MEMORY_PROTOCOL = 'hypermesh/memory/1'

/** Bytes before a frame's body. */
export const HEADER_SIZE = 32

/** Most bytes one READ or WRITE moves: what a node must be ready to hold for one stream. */
export const OPERATION_SIZE_MAX = 1_048_576

/** Longest answer to ATTACH or STAT, in bytes. */
export const STAT_SIZE_MAX = 256

const VERSION = 1
const ADDRESS_SIZE = 16
const REPLY_BIT = 0x80
const REVOKED = 0x40

/** The place in this list, from 1, is the operation's byte. */
const OPERATIONS = ['attach', 'detach', 'stat', 'read', 'write'] as const

export type Operation = (typeof OPERATIONS)[number]

/** Who speaks: a holder sends requests, the owner's node replies and notices. */
export type Direction = 'request' | 'reply'

/**
 * The 32 bytes before a body, all integers big-endian:
 *
 *     0 version u8 | 1 operation u8 | 2 status u8 | 3 zero u8 | 4 request u32 | 8 handle u32
 *     12 length u32 | 16 generation u64 | 24 offset u64
 */
export interface Header {
  /** `revoked` is a notice: it answers no request. */
  readonly operation: Operation | 'revoked'
  readonly status: 'ok' | MemoryRefusalCode
  /** Chosen by the holder, from 1; a reply repeats it. */
  readonly request: number
  /** Chosen by the owner's node when it attaches. */
  readonly handle: number
  /** In a READ request the bytes wanted, in every other frame the bytes that follow the header. */
  readonly length: number
  readonly generation: number
  /** From the start of the region. */
  readonly offset: number
}

/** Why bytes are no frame. The stream cannot go on after one: nobody knows where the next begins. */
export type FrameRefusalCode =
  | 'wrong-version'
  | 'unknown-operation'
  | 'unknown-status'
  | 'nonzero-field' // a field that this operation leaves zero
  | 'zero-request'
  | 'out-of-range' // an offset or a generation that a number cannot hold
  | 'too-long' // more bytes than one operation moves
  | 'wrong-body' // as long as this operation's body never is
  | 'unexpected' // a reply that answers nothing asked
  | 'cut-short' // the stream ended inside a frame

export type DecodedHeader =
  | { readonly ok: true; readonly header: Header }
  | { readonly ok: false; readonly refusal: { readonly code: FrameRefusalCode } }

/** One frame in new memory: the header, then `body`, copied. */
export function encodeFrame(
  direction: Direction,
  header: Omit<Header, 'length'> & { readonly length?: number },
  body: Uint8Array = EMPTY,
): Uint8Array {
  const frame = new Uint8Array(HEADER_SIZE + body.length)
  const view = new DataView(frame.buffer)
  frame[0] = VERSION
  frame[1] = operationByte(direction, header.operation)
  frame[2] = statusOf(header.status)
  view.setUint32(4, header.request)
  view.setUint32(8, header.handle)
  view.setUint32(12, header.length ?? body.length)
  setCount(view, 16, header.generation)
  setCount(view, 24, header.offset)
  frame.set(body, HEADER_SIZE)
  return frame
}

const EMPTY = new Uint8Array()

/** Reads the first 32 bytes of a frame, and refuses on them, before a byte of the body is held. */
export function decodeHeader(direction: Direction, bytes: Uint8Array): DecodedHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_SIZE)
  if (view.getUint8(0) !== VERSION) return refuse('wrong-version')
  const operation = operationIn(direction, view.getUint8(1))
  if (operation === undefined) return refuse('unknown-operation')
  const status = codeOf(view.getUint8(2))
  if (status === undefined) return refuse('unknown-status')
  if (view.getUint8(3) !== 0) return refuse('nonzero-field')
  const header: Header = {
    operation,
    status,
    request: view.getUint32(4),
    handle: view.getUint32(8),
    length: view.getUint32(12),
    generation: getCount(view, 16),
    offset: getCount(view, 24),
  }
  if (!Number.isSafeInteger(header.generation) || !Number.isSafeInteger(header.offset)) {
    return refuse('out-of-range')
  }
  if (header.length > OPERATION_SIZE_MAX) return refuse('too-long')
  const code = direction === 'request' ? requestFault(header) : replyFault(header)
  return code === undefined ? { ok: true, header } : refuse(code)
}

/** How many bytes follow this header. */
export function bodySize(direction: Direction, header: Header): number {
  return direction === 'request' && header.operation === 'read' ? 0 : header.length
}

function requestFault(header: Header): FrameRefusalCode | undefined {
  const { operation, status, request, handle, length, generation, offset } = header
  if (status !== 'ok') return 'nonzero-field'
  if (request === 0) return 'zero-request'
  if (operation === 'read' || operation === 'write') return undefined
  if (offset !== 0) return 'nonzero-field'
  if (operation !== 'attach') return length === 0 ? undefined : 'wrong-body'
  if (handle !== 0 || generation !== 0) return 'nonzero-field'
  return length === 0 || length > CAPABILITY_SIZE_MAX ? 'wrong-body' : undefined
}

function replyFault(header: Header): FrameRefusalCode | undefined {
  const { operation, status, request, length, offset } = header
  if (offset !== 0) return 'nonzero-field'
  if (operation === 'revoked') {
    if (request !== 0 || status !== 'ok') return 'nonzero-field'
    return length === 0 ? undefined : 'wrong-body'
  }
  if (request === 0) return 'zero-request'
  if (status !== 'ok') {
    return length === (status === 'moved' ? ADDRESS_SIZE : 0) ? undefined : 'wrong-body'
  }
  if (operation === 'attach' || operation === 'stat') {
    return length === 0 || length > STAT_SIZE_MAX ? 'wrong-body' : undefined
  }
  return operation === 'read' || length === 0 ? undefined : 'wrong-body'
}

const HALF = 0x1_0000_0000

// In two halves: a bigint for each operation would cost more than the rest of the header.
function setCount(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / HALF))
  view.setUint32(at + 4, value % HALF)
}

function getCount(view: DataView, at: number): number {
  return view.getUint32(at) * HALF + view.getUint32(at + 4)
}

function operationByte(direction: Direction, operation: Operation | 'revoked'): number {
  if (operation === 'revoked') return REVOKED
  const byte = OPERATIONS.indexOf(operation) + 1
  return direction === 'request' ? byte : byte | REPLY_BIT
}

function operationIn(direction: Direction, byte: number): Operation | 'revoked' | undefined {
  if (direction === 'request') return OPERATIONS[byte - 1]
  if (byte === REVOKED) return 'revoked'
  return byte > REPLY_BIT ? OPERATIONS[byte - REPLY_BIT - 1] : undefined
}

function refuse(code: FrameRefusalCode): DecodedHeader {
  return { ok: false, refusal: { code } }
}
