import { equal, field, record, sha256, toHex } from '@hypermesh/crypto'

import { BootstrapError } from '../errors.ts'
import type { Invite } from '../invite.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { certificateChain } from '../plugs/authenticator.ts'
import { ledgerIssuance } from '../plugs/issuance.ts'
import type { Passage, Phase } from './phase.ts'
import { until } from './wait.ts'

/** Roots that have to stand for each other before nobody needs a pin. */
const ROOTS_MIN = 2

/** Most roots of one mesh. */
const ROOTS_MAX = 64

const proofCodec = record('hypermesh/federation', 1, 4096, {
  roots: field.list(field.bytes({ length: 32 }), { max: ROOTS_MAX }),
})

/**
 * A second root stands beside the first, each certified by the other; names, roots and revocations come from the
 * ledger. The pins and the invite's addresses are not asked any more.
 */
export const federated: Phase = {
  number: 3,
  name: 'federated',
  entry: ({ held, invite }) => {
    if (!held.ledger) return 'there is no ledger'
    return invite.members.length < ROOTS_MIN ? 'one member cannot federate' : undefined
  },
  cross: async (passage) => {
    const { invite, index, member, signal } = passage
    const ledger = ledgerOf(passage)
    await ledger.publishName(member)
    if (index === secondOf(invite)) {
      const second = await passage.found()
      await second.setLedger(ledgerIssuance(ledger))
    }
    return await until('every name, and two roots that certify each other', signal, async () => {
      await vouch(passage, ledger)
      return complete(passage, ledger)
    })
  },
  leave: async (passage, proof) => {
    const decoded = proofCodec.decode(proof)
    const ledger = ledgerOf(passage)
    const roots = decoded.ok ? decoded.value.roots : []
    if (roots.length < ROOTS_MIN) {
      throw new BootstrapError('wrong-phase', 'the proof names no two roots')
    }
    // After a restart the ledger may still be catching up with what the journal says was reached.
    await until('the roots of the proof to certify each other in the ledger', passage.signal, () =>
      areFederated(ledger, roots) ? true : undefined,
    )
    const { held, clock, endpoint, directory } = passage
    directory.use(() => ledger.names())
    const trust = {
      anchors: () => ledger.anchors(),
      isRevoked: (serial: string, issuer: Uint8Array) => ledger.isRevoked(serial, issuer),
    }
    await endpoint.setAuthenticator(certificateChain({ chain: held.chain ?? [], trust, clock }))
    const short = roots.map((root) => toHex(root).slice(0, 8))
    return `roots ${short.join(' and ')} vouch for each other; the ledger names everyone`
  },
}

// Whoever holds one of the two roots certifies the other, once. A root that any other member founds has nobody's word.
async function vouch(passage: Passage, ledger: Ledger): Promise<void> {
  const authority = await passage.authority()
  if (!authority) return
  const issuer = sha256(authority.root)
  for (const root of pairOf(passage, ledger)) {
    const subject = sha256(root)
    if (equal(subject, issuer) || ledger.hasCross(issuer, subject)) continue
    const cross = await authority.crossCertify(root)
    if (!cross.ok) throw new BootstrapError('refused-certificate', `cross: ${cross.refusal.code}`)
    const ordered = await ledger.submit({
      type: 'cross',
      issuer,
      subject,
      certificate: cross.certificate,
    })
    if (!ordered.ok) throw new BootstrapError('not-ordered', `cross: ${ordered.reason}`)
  }
}

function complete(passage: Passage, ledger: Ledger): Uint8Array | undefined {
  const names = new Set(ledger.names().map(({ name }) => name))
  if (!passage.invite.members.every(({ name }) => names.has(name))) return undefined
  const roots = pairOf(passage, ledger).map((root) => sha256(root))
  if (roots.length < ROOTS_MIN || !areFederated(ledger, roots)) return undefined
  return proofCodec.encode({ roots })
}

/** The root that the invite pins, and its second founder's when the ledger has it. */
function pairOf({ held, invite }: Passage, ledger: Ledger): readonly Uint8Array[] {
  const founder = invite.members[secondOf(invite)]
  const second = founder && ledger.foundedBy(founder.key)
  return [held.root, second].flatMap((root) => root ?? [])
}

function secondOf({ founder, members }: Invite): number {
  return (founder + 1) % members.length
}

function areFederated(ledger: Ledger, roots: readonly Uint8Array[]): boolean {
  return roots.every((issuer) =>
    roots.every((subject) => issuer === subject || ledger.hasCross(issuer, subject)),
  )
}

function ledgerOf({ held }: Passage): Ledger {
  if (!held.ledger) throw new BootstrapError('wrong-phase', 'there is no ledger')
  return held.ledger
}
