import { equal } from '@hypermesh/crypto'

import { ConsensusError } from '../errors.ts'
import type { Storage } from '../storage.ts'
import { decodeEvidence, decodeVote } from '../vote.ts'
import type { Certified, Evidence, Vote } from '../vote.ts'
import { readEntry } from './archive.ts'
import type { Archive } from './archive.ts'
import { readBlock } from './chain.ts'
import type { Chain } from './chain.ts'
import { entryCodec } from './message.ts'
import type { JournalEntry } from './message.ts'

/** How many votes and certificates are read between two looks at which of them still matter. */
const PRUNED_EVERY = 1024

/** What a node knew before it was stopped. */
export interface Memory {
  /** Hash of the block that the chain begins with. */
  readonly genesis: Uint8Array
  /** Its own votes in views that are not final. */
  votes: Vote[]
  certified: Certified[]
  readonly evidence: Evidence[]
  /** The last finalization whose block is not here yet. */
  target: Certified | undefined
}

/**
 * Reads the storage from the beginning, makes final in `chain` what was final, and marks an empty storage as this
 * chain's and this key's.
 */
export async function recover(
  storage: Storage,
  chain: Chain,
  archive: Archive,
  key: Uint8Array,
): Promise<Memory> {
  const genesis = chain.head.hash
  const memory: Memory = { genesis, votes: [], certified: [], evidence: [], target: undefined }
  let isFirst = true
  for await (const { position, record } of storage.read()) {
    const entry = readEntry(record)
    if (isFirst) checkOwner(entry, genesis, key)
    isFirst = false
    take(entry, position, memory, chain, archive)
    if (memory.votes.length + memory.certified.length >= PRUNED_EVERY) prune(memory)
  }
  prune(memory)
  if (isFirst) await storage.append([entryCodec.encode({ type: 'open', genesis, key })])
  return memory
}

function checkOwner(entry: JournalEntry, genesis: Uint8Array, key: Uint8Array): void {
  if (entry.type === 'open' && equal(entry.genesis, genesis) && equal(entry.key, key)) return
  throw new ConsensusError(
    'journal-foreign',
    'the journal is of another chain, genesis or validator',
  )
}

function take(
  entry: JournalEntry,
  position: number,
  memory: Memory,
  chain: Chain,
  archive: Archive,
): void {
  switch (entry.type) {
    case 'open':
      break
    case 'vote': {
      const vote = decodeVote(entry.vote)
      if (vote) memory.votes.push(vote)
      break
    }
    case 'certified':
      memory.certified.push(entry.certified)
      if (entry.certified.kind !== 'finalize') break
      archive.noteCertificate(entry.certified.view, position)
      if (settle(entry.certified, chain, archive)) break
      if (entry.certified.view > (memory.target?.view ?? 0n)) memory.target = entry.certified
      break
    case 'block': {
      const block = readBlock(entry.header, entry.operations)
      if (block === undefined)
        throw new ConsensusError('journal-damaged', 'a block without its operations')
      block.isKept = true
      block.isNotarized = true
      block.position = position
      chain.add(block)
      if (memory.target && settle(memory.target, chain, archive)) memory.target = undefined
      break
    }
    case 'evidence': {
      const evidence = decodeEvidence(entry.evidence)
      if (evidence) memory.evidence.push(evidence)
      break
    }
  }
}

/** Makes the block final, where it and all below it are there. @returns Whether they are. */
function settle({ hash, certificate }: Certified, chain: Chain, archive: Archive): boolean {
  const block = chain.get(hash)
  if (!block || chain.missingBelow(hash) !== undefined) return false
  if (block !== chain.head) archive.note(chain.finalize(block, certificate))
  return true
}

// Votes and certificates of views before the last final one decide nothing any more.
function prune(memory: Memory): void {
  let last = 0n
  for (const { kind, view } of memory.certified) if (kind === 'finalize' && view > last) last = view
  memory.certified = memory.certified.filter(({ view }) => view >= last)
  memory.votes = memory.votes.filter(({ view }) => view >= last)
}
