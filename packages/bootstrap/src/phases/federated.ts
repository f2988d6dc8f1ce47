import { field, record, sha256, toHex } from '@hypermesh/crypto'

import { BootstrapError } from '../errors.ts'
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
    if (index === (invite.founder + 1) % invite.members.length) {
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
    if (roots.length < ROOTS_MIN || !areFederated(ledger, roots)) {
      throw new BootstrapError(
        'wrong-phase',
        'the roots of the proof do not certify each other in the ledger',
      )
    }
    const { held, clock, endpoint, directory } = passage
    directory.use(() => ledger.names())
    const trust = {
      anchors: () => ledger.roots(),
      isRevoked: (serial: string) => ledger.isRevoked(serial),
    }
    await endpoint.setAuthenticator(certificateChain({ chain: held.chain ?? [], trust, clock }))
    const short = roots.map((root) => toHex(root).slice(0, 8))
    return `roots ${short.join(' and ')} certify each other; names and revocations come from the ledger`
  },
}

// Whoever holds a root certifies the others that the ledger knows and that it has not certified yet.
async function vouch(passage: Passage, ledger: Ledger): Promise<void> {
  const authority = await passage.authority()
  if (!authority) return
  const issuer = sha256(authority.root)
  for (const root of ledger.roots()) {
    const subject = sha256(root)
    if (toHex(subject) === toHex(issuer) || ledger.hasCross(issuer, subject)) continue
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

function complete({ invite }: Passage, ledger: Ledger): Uint8Array | undefined {
  const names = new Set(ledger.names().map(({ name }) => name))
  if (!invite.members.every(({ name }) => names.has(name))) return undefined
  const roots = ledger.roots().map((root) => sha256(root))
  if (roots.length < ROOTS_MIN || !areFederated(ledger, roots)) return undefined
  return proofCodec.encode({ roots })
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
