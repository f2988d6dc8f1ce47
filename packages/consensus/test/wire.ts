/** What goes over the wire, as docs/consensus.md lays it out: written down here a second time, to find changes. */
import {
  certificateField,
  headerField,
  headerHash,
  MESSAGE_SIZE_MAX,
  statementBytes,
} from '@hypermesh/consensus'
import type { Vote, VoteKind } from '@hypermesh/consensus'
import { concat, field, union, verify } from '@hypermesh/crypto'

import { CHAIN, VALIDATORS } from './mesh.ts'

export const KINDS: readonly VoteKind[] = ['propose', 'notarize', 'nullify', 'finalize']

export const proposalCodec = union('hypermesh/talk', 1, MESSAGE_SIZE_MAX, {
  proposal: {
    header: headerField,
    operations: field.list(field.bytes({ max: 1024 * 1024 }), { max: 2048 }),
    signature: field.bytes({ length: 64 }),
  },
})

export const certifiedCodec = union('hypermesh/talk', 1, MESSAGE_SIZE_MAX, {
  certified: {
    certified: field.list(
      field.record({
        kind: field.count({ max: 3 }),
        epoch: field.uint(),
        view: field.uint(),
        hash: field.bytes({ length: 32 }),
        certificate: certificateField,
      }),
      { max: 64 },
    ),
  },
})

export const finalCodec = union('hypermesh/talk', 1, MESSAGE_SIZE_MAX, {
  final: {
    blocks: field.list(
      field.record({
        header: headerField,
        certificate: certificateField,
        descendants: field.list(headerField, { max: 1024 }),
        operations: field.list(field.bytes({ max: 1024 * 1024 }), { max: 1024 }),
      }),
      { max: 64 },
    ),
  },
})

export const blockCodec = union('hypermesh/talk', 1, MESSAGE_SIZE_MAX, {
  block: { header: headerField, operations: field.list(field.bytes({ max: 9 }), { max: 9 }) },
  wantBlock: { hash: field.bytes({ length: 32 }) },
})

/** The vote in a message, or in a proposal, when its validator signed it. */
export function readVote(message: Uint8Array): Vote | undefined {
  const vote = message.length === 115 ? decodeVote(message) : decodeProposal(message)
  const key = vote && VALIDATORS[vote.validator]?.key
  const isSigned = key && verify('ed25519', key, statementBytes(CHAIN, vote), vote.signature)
  return isSigned ? vote : undefined
}

function decodeVote(message: Uint8Array): Vote | undefined {
  const view = new DataView(message.buffer, message.byteOffset)
  const kind = KINDS[view.getUint8(0)]
  return (
    kind && {
      kind,
      validator: view.getUint16(1),
      epoch: view.getBigUint64(3),
      view: view.getBigUint64(11),
      hash: message.slice(19, 51),
      signature: message.slice(51),
    }
  )
}

function decodeProposal(message: Uint8Array): Vote | undefined {
  const decoded = proposalCodec.decode(message)
  if (!decoded.ok) return undefined
  const { header, signature } = decoded.value
  const statement = {
    kind: 'propose',
    epoch: header.epoch,
    view: header.view,
    hash: headerHash(header),
  } as const
  const signed = statementBytes(CHAIN, statement)
  const validator = VALIDATORS.findIndex(({ key }) => verify('ed25519', key, signed, signature))
  return { ...statement, validator, signature }
}

export function voteBytes(vote: Vote): Uint8Array {
  const head = new Uint8Array(19)
  const view = new DataView(head.buffer)
  view.setUint8(0, KINDS.indexOf(vote.kind))
  view.setUint16(1, vote.validator)
  view.setBigUint64(3, vote.epoch)
  view.setBigUint64(11, vote.view)
  return concat(head, vote.hash, vote.signature)
}
