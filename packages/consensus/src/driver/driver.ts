import { equal } from '@hypermesh/crypto'

import { ConsensusError } from '../errors.ts'
import type { Timing } from '../simplex/simplex.ts'
import { emptyState } from '../state/state.ts'
import { checkValidators } from '../validator.ts'
import { Archive } from './archive.ts'
import { Chain } from './chain.ts'
import type { Consensus, ConsensusOptions } from './consensus.ts'
import { Node } from './node.ts'
import { recover } from './recovery.ts'

export { BLOCK_OPERATIONS_MAX, BLOCK_SIZE_MAX } from './message.ts'
export type { Consensus, ConsensusOptions, FollowedBlock } from './consensus.ts'
export type { Submitted } from './submissions.ts'

const TIMING: Timing = { viewMs: 2000, idleMs: 400, precisionMs: 500, delayMs: 2000 }

/**
 * Opens the chain where the storage left it, and takes part in it.
 *
 * @throws {ConsensusError} `bad-validators`, `bad-options`; `journal-foreign` when the storage is of another chain or
 * key; `journal-damaged`; `state-diverged` when the application comes to another state than before.
 */
export async function openConsensus(options: ConsensusOptions): Promise<Consensus> {
  checkValidators(options.validators)
  const { application, chainId, epoch = 0n, self, storage, validators } = options
  if (chainId.length !== 32) throw new ConsensusError('bad-options', 'a chain is named by 32 bytes')
  const key = self && validators[self.index]?.key
  if (self && !(key && equal(key, self.key.publicKey))) {
    throw new ConsensusError('bad-options', `validator ${self.index} has another key`)
  }
  const timing = { ...TIMING, ...options.timing }
  const genesis = emptyState().write(options.genesis)
  const chain = new Chain({ application, chainId, epoch, genesis, validators })
  const archive = new Archive(storage, chain)
  const memory = await recover(storage, chain, archive, key ?? new Uint8Array())
  return new Node({ ...options, epoch, timing, chain, archive, memory })
}
