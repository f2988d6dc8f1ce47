import { field, record, toHex } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'

/** Most founding members: each is a validator, and their votes cost the square of their number. */
export const MEMBERS_MAX = 64

/** Longest name of a node or a mesh, as in a DNS label. */
export const NAME_MAX = 63

const INVITE_SIZE_MAX = 256 * 1024

/** What is pinned of a founding member until certificates exist, and what the ledger certifies of it after. */
export interface Member {
  readonly name: string
  /** Ed25519 public key, raw: the transport's key and the validator's. */
  readonly key: Uint8Array
  /** FALCON-1024 public key, raw. The mesh address is made of both keys. */
  readonly falcon: Uint8Array
  readonly host: string
  readonly port: number
  readonly stake: bigint
}

/**
 * All that phase 0 needs to trust anything: the members' keys, and the fingerprint that the root must have.
 *
 * Whoever hands it over decides whom the node believes, so it has to come by a way that the receiver trusts.
 */
export interface Invite {
  readonly mesh: string
  /** SHA-256 of the first root certificate's DER. */
  readonly root: Uint8Array
  /** Place among the members of the one that holds the first root. */
  readonly founder: number
  readonly members: readonly Member[]
}

export const inviteCodec: Codec<Invite> = record('hypermesh/invite', 1, INVITE_SIZE_MAX, {
  mesh: field.text({ max: NAME_MAX }),
  root: field.bytes({ length: 32 }),
  founder: field.count({ max: MEMBERS_MAX - 1 }),
  members: field.list(
    field.record({
      name: field.text({ max: NAME_MAX }),
      key: field.bytes({ length: 32 }),
      falcon: field.bytes({ length: 1793 }),
      host: field.text({ max: 255 }),
      port: field.count({ max: 65_535 }),
      stake: field.uint(),
    }),
    { max: MEMBERS_MAX },
  ),
})

/** Why nobody should follow the invite; undefined when it makes sense. */
export function flawOf({ founder, members }: Invite): string | undefined {
  if (!members[founder]) return `the invite has no member ${founder} to found the mesh`
  const names = new Set(members.map(({ name }) => name))
  const keys = new Set(members.map(({ key }) => toHex(key)))
  const isDistinct = names.size === members.length && keys.size === members.length
  return isDistinct ? undefined : 'two members of the invite have one name or one key'
}
