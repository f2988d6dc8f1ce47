import { openConsensus, openJournal } from '@hypermesh/consensus'
import type { ProofPolicy } from '@hypermesh/consensus'
import type { SigningKey } from '@hypermesh/crypto'

import { chainOf, validatorsOf } from './chain.ts'
import type { Invite } from './invite.ts'
import { createLedger, meshApplication } from './ledger/ledger.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Peers } from './peers.ts'
import type { SystemClock } from './plugs/clock.ts'
import { consensusNetwork } from './plugs/network.ts'

/** Begins or resumes the ledger that an invite founds, with this node as one of its validators. */
export async function openMeshLedger(options: {
  readonly file: string
  readonly invite: Invite
  readonly index: number
  readonly key: SigningKey
  readonly peers: Peers
  readonly clock: SystemClock
  readonly policy: ProofPolicy
  /** Ends what waits for an operation to be final. */
  readonly signal: AbortSignal
  readonly onProof: (holds: boolean) => void
  /** The ledger has stopped and will not go on: its disk is full or lies, or the chain has forked. */
  readonly onFailure: (error: unknown) => void
}): Promise<Ledger> {
  const { file, invite, index, key, peers, clock, policy, signal, onProof, onFailure } = options
  const chain = chainOf(invite)
  const validators = validatorsOf(invite)
  await using scope = new AsyncDisposableStack()
  const storage = scope.use(await openJournal(file))
  const network = scope.use(consensusNetwork({ peers, clock, validators, self: index }))
  const consensus = scope.use(
    await openConsensus({
      chainId: chain,
      validators,
      self: { index, key },
      network,
      clock,
      storage,
      application: meshApplication({ invite, policy, onProof }),
      genesis: [],
    }),
  )
  consensus.done.catch(onFailure)
  const ledger = createLedger({ consensus, chain, validators, key, root: invite.root, signal })
  const parts = scope.move()
  return { ...ledger, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}
