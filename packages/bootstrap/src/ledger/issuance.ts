import { equal, sha256, toHex } from '@hypermesh/crypto'
import type { Write } from '@hypermesh/consensus'
import { entryCodec, revocations } from '@hypermesh/trustchain'
import type { EntryBody } from '@hypermesh/trustchain'

import type { Invite } from '../invite.ts'
import { keyOf, textKey } from './key.ts'
import type { Rule, Setting } from './rule.ts'

/**
 * What authorities issue and revoke. The first authority must be the one whose root the invite pins; an entry
 * counts only when a key of an authority that the ledger knows has signed it.
 */
export function issuanceRule(invite: Invite): Rule<'issuance'> {
  return {
    refusal: ({ entry }, setting) => {
      const decoded = entryCodec.decode(entry)
      if (!decoded.ok) return `issuance entry: ${decoded.refusal.code}`
      const { body } = decoded.value
      const obstacle = obstacleOf(body, setting, invite)
      if (obstacle !== undefined) return obstacle
      // The fold checks the signature against the authorities it was told of first.
      const taking = revocations(authorities(setting)).add(entry)
      return taking.ok ? undefined : `issuance entry: ${taking.reason}`
    },
    writes: ({ entry }) => {
      const decoded = entryCodec.decode(entry)
      if (!decoded.ok) return []
      return [
        { key: keyOf('issuance', sha256(entry)), value: entry },
        ...kindWrites(decoded.value.body, entry),
      ]
    },
  }
}

/** The authorities' own first entries, in the order of their roots. */
export function authorities({ state }: Pick<Setting, 'state'>): readonly Uint8Array[] {
  return [...state.entries(textKey('authority', ''))].map(([, entry]) => entry)
}

function obstacleOf(
  body: EntryBody,
  { state, author }: Setting,
  invite: Invite,
): string | undefined {
  switch (body.type) {
    case 'authority': {
      if (!invite.members.some(({ key }) => equal(key, author)))
        return 'only a member founds a root'
      if (body.mesh !== invite.mesh) return `the root is of the mesh ${body.mesh}`
      const isFirst = authorities({ state }).length === 0
      const isPinned = equal(sha256(body.root), invite.root)
      return isFirst && !isPinned ? 'the first root is not the one that the invite pins' : undefined
    }
    case 'issued': {
      const holder = state.get(textKey('holder', body.name))
      return holder && !equal(holder, body.key)
        ? `the name ${body.name} is held by another key`
        : undefined
    }
    case 'crossed':
    case 'revoked':
      return undefined
  }
}

function kindWrites(body: EntryBody, entry: Uint8Array): readonly Write[] {
  switch (body.type) {
    case 'authority':
      return [{ key: keyOf('authority', sha256(body.root)), value: entry }]
    case 'issued':
      return [
        { key: textKey('certificate', body.serial), value: entry },
        { key: textKey('holder', body.name), value: body.key },
        { key: textKey('serial', toHex(body.key)), value: new TextEncoder().encode(body.serial) },
      ]
    case 'crossed':
      return []
    case 'revoked':
      return [{ key: textKey('revoked', body.serial), value: entry }]
  }
}
