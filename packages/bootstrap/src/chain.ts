import type { Validator } from '@hypermesh/consensus'
import { sha256 } from '@hypermesh/crypto'

import { inviteCodec } from './invite.ts'
import type { Invite } from './invite.ts'

const DOMAIN = new TextEncoder().encode('hypermesh/chain/1\0')

/** Names the ledger of the mesh that an invite founds: other members, or another root, is another ledger. */
export function chainOf(invite: Invite): Uint8Array {
  return sha256(DOMAIN, inviteCodec.encode(invite))
}

/** The founding members vote, in the order of the invite. */
export function validatorsOf(invite: Invite): readonly Validator[] {
  return invite.members.map(({ key, stake }) => ({ key, stake }))
}
