import { type Codec, field, record } from '@hypermesh/crypto'
import { STAT_SIZE_MAX } from './frame.ts'

/** What the owner's node says of an attachment, in reply to ATTACH and STAT. */
export interface Stat {
  /** The bytes the capability opens, from the start of the region. */
  readonly offset: number
  readonly length: number
  /** Sum of the bits in `RIGHTS`. */
  readonly rights: number
  /** When the capability ends. */
  readonly notAfter: bigint
  /** Operations and bytes since this attachment began. */
  readonly reads: number
  readonly writes: number
  readonly bytesRead: number
  readonly bytesWritten: number
}

const count = field.count({ max: Number.MAX_SAFE_INTEGER })

/** Domain `hypermesh/stat`, version 1. */
export const statCodec: Codec<Stat> = record('hypermesh/stat', 1, STAT_SIZE_MAX, {
  offset: count,
  length: count,
  rights: field.count({ max: 7 }),
  notAfter: field.uint(),
  reads: count,
  writes: count,
  bytesRead: count,
  bytesWritten: count,
})
