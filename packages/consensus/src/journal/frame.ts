import { concat, equal, sha256 } from '@hypermesh/crypto'

import { RECORD_SIZE_MAX } from '../storage.ts'

/** Bytes before a frame's records: mark (1) | position (8) | length of what follows (4) | digest (8), big-endian. */
export const FRAME_HEADER_SIZE = 21

/** Bytes before each record: length (4) | digest of it (8). */
export const RECORD_HEADER_SIZE = 12

const DIGEST_SIZE = 8

/** What a drive writes or loses as one, at the least. */
const SECTOR_SIZE = 512

// A frame neither begins nor ends in zeros: where a sector at its edge reads as zeros, it was never written.
const BEGIN = 0x5a
const END = Uint8Array.of(0xa5)

/** Bytes of a frame's header that its digest covers. */
const COVERED = FRAME_HEADER_SIZE - DIGEST_SIZE

/** Records that are kept together or not at all, as they stand in the file at `position`. */
export function encodeFrame(
  position: number,
  records: readonly Uint8Array[],
): { readonly frame: Uint8Array; readonly positions: readonly number[] } {
  const parts: Uint8Array[] = []
  const positions: number[] = []
  let length = 0
  for (const record of records) {
    const header = new Uint8Array(RECORD_HEADER_SIZE)
    new DataView(header.buffer).setUint32(0, record.length)
    header.set(digest(record), 4)
    parts.push(header, record)
    positions.push(position + FRAME_HEADER_SIZE + length)
    length += RECORD_HEADER_SIZE + record.length
  }
  const header = new Uint8Array(FRAME_HEADER_SIZE)
  const view = new DataView(header.buffer)
  view.setUint8(0, BEGIN)
  view.setBigUint64(1, BigInt(position))
  view.setUint32(9, length + END.length)
  header.set(digest(header.subarray(0, COVERED)), COVERED)
  return { frame: concat(header, ...parts, END), positions }
}

/** @returns The bytes after the header; undefined when this is no header of a frame at `position`. */
export function frameLength(header: Uint8Array, position: number): number | undefined {
  if (header.length !== FRAME_HEADER_SIZE) return undefined
  if (!equal(digest(header.subarray(0, COVERED)), header.subarray(COVERED))) return undefined
  const view = new DataView(header.buffer, header.byteOffset)
  return view.getBigUint64(1) === BigInt(position) ? view.getUint32(9) : undefined
}

/** @returns The records of a frame's body; undefined when any of it is not as it was written. */
export function frameRecords(body: Uint8Array): readonly Uint8Array[] | undefined {
  const records: Uint8Array[] = []
  let at = 0
  while (at < body.length - END.length) {
    const start = at + RECORD_HEADER_SIZE
    const length = recordLength(body.subarray(at, start))
    if (length === undefined) return undefined
    const record = body.subarray(start, start + length)
    if (record.length !== length || !isRecord(body.subarray(at, start), record)) return undefined
    records.push(record)
    at = start + length
  }
  return at === body.length - END.length && body[at] === END[0] ? records : undefined
}

/** @returns The length that a record's header gives; undefined when it is no header. */
export function recordLength(header: Uint8Array): number | undefined {
  if (header.length !== RECORD_HEADER_SIZE) return undefined
  const length = new DataView(header.buffer, header.byteOffset).getUint32(0)
  return length <= RECORD_SIZE_MAX ? length : undefined
}

export function isRecord(header: Uint8Array, record: Uint8Array): boolean {
  return equal(header.subarray(4, RECORD_HEADER_SIZE), digest(record))
}

/**
 * Was a sector that holds any of the first `within` of these bytes never written?
 *
 * @param bytes - From `position` to the end of the file.
 */
export function hasHole(bytes: Uint8Array, position: number, within: number): boolean {
  let start = 0
  while (start < Math.min(within, bytes.length)) {
    const end = start + SECTOR_SIZE - ((position + start) % SECTOR_SIZE)
    if (bytes.subarray(start, end).every((byte) => byte === 0)) return true
    start = end
  }
  return false
}

/** Does a frame begin anywhere in these bytes, which are at `position` of the file? */
export function hasFrame(bytes: Uint8Array, position: number): boolean {
  for (let at = bytes.indexOf(BEGIN); at >= 0; at = bytes.indexOf(BEGIN, at + 1)) {
    const header = bytes.subarray(at, at + FRAME_HEADER_SIZE)
    if (frameLength(header, position + at) !== undefined) return true
  }
  return false
}

function digest(bytes: Uint8Array): Uint8Array {
  return sha256(bytes).subarray(0, DIGEST_SIZE)
}
