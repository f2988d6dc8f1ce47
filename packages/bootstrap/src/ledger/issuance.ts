import { concat, equal, sha256 } from '@hypermesh/crypto'
import type { StateView, Write } from '@hypermesh/consensus'
import { entryCodec, revocations } from '@hypermesh/trustchain'
import type { Entry as IssuanceEntry, EntryBody } from '@hypermesh/trustchain'

import { NAME_MAX } from '../invite.ts'
import type { Invite } from '../invite.ts'
import { keyOf, textKey } from './key.ts'
import type { Rule, Setting } from './rule.ts'

/**
 * What authorities issue and revoke. The first authority must be the one whose root the invite pins, and a member
 * founds one. An entry counts only when a key of an authority that the ledger knows has signed it; who certifies
 * names must have that first root's word besides.
 */
export function issuanceRule(invite: Invite): Rule<'issuance'> {
  return {
    refusal: ({ entry }, setting) => {
      const decoded = entryCodec.decode(entry)
      if (!decoded.ok) return `issuance entry: ${decoded.refusal.code}`
      const { body } = decoded.value
      const obstacle = obstacleOf(body, entry, setting, invite)
      if (obstacle !== undefined) return obstacle
      // The fold checks the signature against the authorities it was told of first.
      const taking = revocations(speakers(body, setting.state, invite)).add(entry)
      return taking.ok ? undefined : `issuance entry: ${taking.reason}`
    },
    writes: ({ entry }, { state, author }) => {
      const key = keyOf('issuance', sha256(entry))
      const decoded = entryCodec.decode(entry)
      if (!decoded.ok) return []
      // An entry may be appended again, but an old one does not undo what came after it.
      if (state.get(key)) return founderWrites(decoded.value.body, author)
      return [{ key, value: entry }, ...kindWrites(decoded.value, entry, author)]
    },
  }
}

/** The certificate that a name has, as its authority announced it; undefined once it is revoked. */
export function certificateOf(
  state: StateView,
  name: string,
): Extract<EntryBody, { readonly type: 'issued' }> | undefined {
  const id = state.get(textKey('holder', name))
  if (!id || state.get(keyOf('revoked', id))) return undefined
  const body = bodyOf(state.get(keyOf('certificate', id)))
  return body?.type === 'issued' ? body : undefined
}

/** @param issuer - SHA-256 of the key that signed the certificate: serials are unique under one issuer only. */
export function isRevoked(state: StateView, serial: string, issuer: Uint8Array): boolean {
  return state.get(keyOf('revoked', certificateId(issuer, serial))) !== undefined
}

/** Names that have a certificate. */
export function certifiedNames(state: StateView): readonly string[] {
  const holders = [...state.entries(keyOf('certificate'))]
  return holders.flatMap(([, entry]) => {
    const body = bodyOf(entry)
    return body?.type === 'issued' ? body.name : []
  })
}

/** The root certificate with this fingerprint, DER. */
export function rootOf(state: StateView, fingerprint: Uint8Array): Uint8Array | undefined {
  return rootIn(state.get(keyOf('authority', fingerprint)))
}

/** The fingerprint of the root that a member has founded. */
export function foundedBy(state: StateView, member: Uint8Array): Uint8Array | undefined {
  return state.get(keyOf('founder', member))
}

/** Every root certificate of the ledger, DER, in the order of their fingerprints. */
export function rootsIn(state: StateView): readonly Uint8Array[] {
  return authorities(state).flatMap((entry) => rootIn(entry) ?? [])
}

/** Is it the root that the invite pins, or one that has its word? */
export function isVouched(state: StateView, pinned: Uint8Array, fingerprint: Uint8Array): boolean {
  return equal(fingerprint, pinned) || state.get(keyOf('cross', pinned, fingerprint)) !== undefined
}

function authorities(state: StateView): readonly Uint8Array[] {
  return [...state.entries(keyOf('authority'))].map(([, entry]) => entry)
}

// Any member can found a root; a name is certified, and a certificate revoked, only where the first root agrees.
function speakers({ type }: EntryBody, state: StateView, { root }: Invite): readonly Uint8Array[] {
  if (type === 'authority') return []
  const known = authorities(state)
  if (type === 'crossed') return known
  return known.filter((entry) => {
    const der = rootIn(entry)
    return der !== undefined && isVouched(state, root, sha256(der))
  })
}

function obstacleOf(
  body: EntryBody,
  entry: Uint8Array,
  setting: Setting,
  invite: Invite,
): string | undefined {
  switch (body.type) {
    case 'authority':
      return authorityObstacle(entry, body, setting, invite)
    case 'issued': {
      if (body.name.length > NAME_MAX) return 'the name is too long'
      const member = invite.members.find(({ name }) => name === body.name)
      if (member && !equal(member.key, body.key)) return `the invite gives ${body.name} another key`
      const known = certificateOf(setting.state, body.name)
      return known && !equal(known.key, body.key)
        ? `the name ${body.name} is held by another key`
        : undefined
    }
    case 'crossed':
    case 'revoked':
      return undefined
  }
}

function authorityObstacle(
  entry: Uint8Array,
  { mesh, root }: Extract<EntryBody, { readonly type: 'authority' }>,
  { state, author }: Setting,
  invite: Invite,
): string | undefined {
  if (!invite.members.some(({ key }) => equal(key, author))) return 'only a member founds a root'
  if (mesh !== invite.mesh) return `the root is of the mesh ${mesh}`
  const fingerprint = sha256(root)
  const isFirst = authorities(state).length === 0
  if (isFirst && !equal(fingerprint, invite.root))
    return 'the first root is not the one that the invite pins'
  const known = state.get(keyOf('authority', fingerprint))
  if (known && !equal(known, entry)) return 'the root has introduced itself otherwise'
  const founded = foundedBy(state, author)
  return founded && !equal(founded, fingerprint) ? 'a member founds one root' : undefined
}

function kindWrites(
  { body, by }: IssuanceEntry,
  entry: Uint8Array,
  author: Uint8Array,
): readonly Write[] {
  switch (body.type) {
    case 'authority':
      return [
        { key: keyOf('authority', sha256(body.root)), value: entry },
        ...founderWrites(body, author),
      ]
    case 'issued': {
      const id = certificateId(by, body.serial)
      return [
        { key: keyOf('certificate', id), value: entry },
        { key: textKey('holder', body.name), value: id },
      ]
    }
    case 'crossed':
      return []
    case 'revoked':
      return [{ key: keyOf('revoked', certificateId(by, body.serial)), value: entry }]
  }
}

// Whoever else has put the entry into the ledger before, its author has founded the root as well.
function founderWrites(body: EntryBody, author: Uint8Array): readonly Write[] {
  if (body.type !== 'authority') return []
  return [{ key: keyOf('founder', author), value: sha256(body.root) }]
}

function certificateId(issuer: Uint8Array, serial: string): Uint8Array {
  return concat(issuer, new TextEncoder().encode(serial))
}

function rootIn(entry: Uint8Array | undefined): Uint8Array | undefined {
  const body = bodyOf(entry)
  return body?.type === 'authority' ? body.root : undefined
}

function bodyOf(entry: Uint8Array | undefined): EntryBody | undefined {
  const decoded = entry && entryCodec.decode(entry)
  return decoded?.ok ? decoded.value.body : undefined
}
