import { field, union } from '@hypermesh/crypto'
import type { Codec, Field } from '@hypermesh/crypto'

import { OPERATION_SIZE_MAX } from '../application.ts'
import { certificateField, VOTE_KINDS } from '../certificate.ts'
import type { Certificate } from '../certificate.ts'
import { headerField } from '../header.ts'
import type { Header } from '../header.ts'
import { DESCENDANTS_MAX } from '../light/light.ts'
import { MESSAGE_SIZE_MAX } from '../network.ts'
import { RECORD_SIZE_MAX } from '../storage.ts'
import { decodeVote, encodeVote, VOTE_SIZE } from '../vote.ts'
import type { Certified, Vote } from '../vote.ts'

/** Most operations of one block: what a validator checks well within a view. */
export const BLOCK_OPERATIONS_MAX = 1024

/** Most bytes of one block's operations. */
export const BLOCK_SIZE_MAX: number = 2 * 1024 * 1024

/** Most blocks of one answer to a node that catches up. */
export const BLOCKS_ANSWERED_MAX = 64

/** Most certificates of one message. */
const CERTIFIED_MAX = 64

/** What nodes say to each other. */
export type Message =
  | { readonly type: 'vote'; readonly vote: Vote }
  | { readonly type: 'certified'; readonly certified: readonly Certified[] }
  | {
      readonly type: 'proposal'
      readonly header: Header
      readonly operations: readonly Uint8Array[]
      /** The leader's, under the `propose` statement of the header's hash. */
      readonly signature: Uint8Array
    }
  | { readonly type: 'operations'; readonly operations: readonly Uint8Array[] }
  | { readonly type: 'wantCertified'; readonly first: bigint; readonly last: bigint }
  | { readonly type: 'wantBlock'; readonly hash: Uint8Array }
  | { readonly type: 'block'; readonly header: Header; readonly operations: readonly Uint8Array[] }
  /** Final blocks from this height on. */
  | { readonly type: 'wantFinal'; readonly height: bigint }
  | { readonly type: 'final'; readonly blocks: readonly FinalBlock[] }

/** A final block as it travels. */
export interface FinalBlock {
  readonly header: Header
  readonly certificate: Certificate
  readonly descendants: readonly Header[]
  readonly operations: readonly Uint8Array[]
}

/** What a node keeps. */
export type JournalEntry =
  /** The first record: whose journal it is. */
  | { readonly type: 'open'; readonly genesis: Uint8Array; readonly key: Uint8Array }
  | { readonly type: 'vote'; readonly vote: Uint8Array }
  | { readonly type: 'certified'; readonly certified: Certified }
  | { readonly type: 'block'; readonly header: Header; readonly operations: readonly Uint8Array[] }
  | { readonly type: 'evidence'; readonly evidence: Uint8Array }

const statement = field.record({
  kind: field.count({ max: VOTE_KINDS.length - 1 }),
  epoch: field.uint(),
  view: field.uint(),
  hash: field.bytes({ length: 32 }),
  certificate: certificateField,
})

const certified: Field<Certified> = {
  write: (writer, value) => {
    statement.write(writer, { ...value, kind: VOTE_KINDS.indexOf(value.kind) })
  },
  read: (reader) => {
    const value = statement.read(reader)
    // The count's limit keeps it inside the list.
    return { ...value, kind: VOTE_KINDS[value.kind] ?? 'propose' }
  },
}

const operations = field.list(field.bytes({ max: OPERATION_SIZE_MAX }), {
  max: BLOCK_OPERATIONS_MAX,
})
const hash = field.bytes({ length: 32 })

const talkCodec: Codec<Exclude<Message, { readonly type: 'vote' }>> = union(
  'hypermesh/talk',
  1,
  MESSAGE_SIZE_MAX,
  {
    certified: { certified: field.list(certified, { max: CERTIFIED_MAX }) },
    proposal: { header: headerField, operations, signature: field.bytes({ length: 64 }) },
    operations: { operations },
    wantCertified: { first: field.uint(), last: field.uint() },
    wantBlock: { hash },
    block: { header: headerField, operations },
    wantFinal: { height: field.uint() },
    final: {
      blocks: field.list(
        field.record({
          header: headerField,
          certificate: certificateField,
          descendants: field.list(headerField, { max: DESCENDANTS_MAX }),
          operations,
        }),
        { max: BLOCKS_ANSWERED_MAX },
      ),
    },
  },
)

export const entryCodec: Codec<JournalEntry> = union('hypermesh/journal', 1, RECORD_SIZE_MAX, {
  open: { genesis: hash, key: field.bytes({ max: 32 }) },
  vote: { vote: field.bytes({ length: VOTE_SIZE }) },
  certified: { certified },
  block: { header: headerField, operations },
  evidence: { evidence: field.bytes({ max: 512 }) },
})

/** Votes are most of the traffic, and go as they are; everything else is a record. Their lengths tell them apart. */
export function encodeMessage(message: Message): Uint8Array {
  return message.type === 'vote' ? encodeVote(message.vote) : talkCodec.encode(message)
}

/** @returns Undefined for bytes that are no message. No signature is checked here. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  // A record begins with CBOR's mark for a list of three (0x83), and no vote does.
  if (bytes.length === VOTE_SIZE && bytes[0] !== LIST_OF_THREE) {
    const vote = decodeVote(bytes)
    return vote && { type: 'vote', vote }
  }
  const decoded = talkCodec.decode(bytes)
  return decoded.ok ? decoded.value : undefined
}

const LIST_OF_THREE = 0x83
