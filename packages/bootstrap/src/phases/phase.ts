import type { Identity } from '@hypermesh/crypto'
import type { Endpoint } from '@hypermesh/stoq'
import type { Authority } from '@hypermesh/trustchain'

import type { Directory } from '../directory.ts'
import { BootstrapError } from '../errors.ts'
import type { Invite, Member } from '../invite.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Peers } from '../peers.ts'
import type { SystemClock } from '../plugs/clock.ts'

/** What the node has gained so far. Each phase needs what the one before it brought. */
export interface Held {
  /** The first root's certificate, DER. Since phase 0. */
  root?: Uint8Array
  /** This node's certificate chain, leaf first. Since phase 1. */
  chain?: readonly Uint8Array[]
  /** Since phase 2. */
  ledger?: Ledger
}

/** What the phases work with. */
export interface Passage {
  readonly invite: Invite
  /** This node's place among the members. */
  readonly index: number
  readonly member: Member
  readonly identity: Identity
  readonly endpoint: Endpoint
  readonly directory: Directory
  readonly peers: Peers
  readonly clock: SystemClock
  /** This node's own root of trust, where it holds one. */
  authority(): Promise<Authority | undefined>
  /** Begins or resumes the ledger that the invite founds. */
  openLedger(): Promise<Ledger>
  /** Makes this node the holder of a root of its own. */
  found(): Promise<Authority>
  readonly held: Held
  /** Fires when the node is closed. */
  readonly signal: AbortSignal
}

/** A stage of a node's way into a mesh. A phase is left for good: nothing leads back. */
export interface Phase {
  readonly number: 0 | 1 | 2 | 3
  readonly name: string
  /** Why the phase cannot begin yet; undefined when it can. */
  entry(passage: Passage): string | undefined
  /** Does what the phase is for. @returns The proof with which it is left. */
  cross(passage: Passage): Promise<Uint8Array>
  /**
   * Checks the proof, and from then on holds what it brings: after crossing, and again at every start of the node.
   *
   * @returns A sentence for people.
   * @throws {BootstrapError} when the proof does not hold.
   */
  leave(passage: Passage, proof: Uint8Array): Promise<string>
}

/** @throws {BootstrapError} `bad-invite` when the invite names a founder that is no member. */
export function founderOf({ invite }: Passage): Member {
  const founder = invite.members[invite.founder]
  if (!founder) throw new BootstrapError('bad-invite', `the invite has no member ${invite.founder}`)
  return founder
}
