import { finalizedCodec, verifyFinalized } from '@hypermesh/consensus'

import { chainOf, validatorsOf } from '../chain.ts'
import { BootstrapError } from '../errors.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { ledgerIssuance } from '../plugs/issuance.ts'
import type { Passage, Phase } from './phase.ts'
import { until } from './wait.ts'

/**
 * The certified members order what happens; every certificate issued so far is replayed into their ledger. It is
 * left with a final block whose state holds the root and every member's certificate.
 */
export const ordered: Phase = {
  number: 2,
  name: 'ordered',
  entry: ({ held }) => (held.chain ? undefined : 'this node holds no certificate'),
  cross: async (passage) => {
    const ledger = (passage.held.ledger ??= await passage.openLedger())
    const authority = await passage.authority()
    if (authority) await authority.setLedger(ledgerIssuance(ledger))
    const final = await until('the ledger to hold every certificate', passage.signal, () => {
      const head = ledger.head()
      return head && missing(passage, ledger).length === 0 ? head : undefined
    })
    return finalizedCodec.encode(final)
  },
  leave: async (passage, proof) => {
    const { invite, held } = passage
    const final = finalizedCodec.decode(proof)
    if (!final.ok || !verifyFinalized(final.value, validatorsOf(invite), chainOf(invite))) {
      throw new BootstrapError(
        'not-ordered',
        'the block that ended phase 2 is not final on this ledger',
      )
    }
    // After a restart the ledger may still be catching up with what the journal says was reached.
    const ledger = (held.ledger ??= await passage.openLedger())
    await until('the ledger to be read', passage.signal, () =>
      missing(passage, ledger).length === 0 ? true : undefined,
    )
    const { height } = final.value.header
    const faults = Math.floor((invite.members.length - 1) / 3)
    return `${invite.members.length} validators, ${faults} may lie; block ${height} holds the root and every certificate`
  },
}

function missing({ invite }: Passage, ledger: Ledger): readonly string[] {
  const held = new Set(ledger.certified())
  const members = invite.members.filter(({ name }) => !held.has(name)).map(({ name }) => name)
  return ledger.holdsRoot(invite.root) ? members : ['the root', ...members]
}
