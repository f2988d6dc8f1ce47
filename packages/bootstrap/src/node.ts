import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

import { defaultPolicy } from '@hypermesh/consensus'
import { createIdentity, equal, openIdentity, sha256 } from '@hypermesh/crypto'
import type { Identity } from '@hypermesh/crypto'
import { formatAddress, nodeAddress } from '@hypermesh/proxy-nat'
import { createEndpoint, pinnedKeys } from '@hypermesh/stoq'
import type { Endpoint } from '@hypermesh/stoq'
import type { Authority, RevocationReason } from '@hypermesh/trustchain'

import { createDirectory } from './directory.ts'
import type { Directory } from './directory.ts'
import { BootstrapError } from './errors.ts'
import { serveAuthority } from './founder.ts'
import { flawOf, inviteCodec } from './invite.ts'
import type { Invite, Member } from './invite.ts'
import type { JobEvent, JobReport, JobWork } from './jobs/work.ts'
import { openPhaseJournal } from './journal.ts'
import type { PhaseJournal } from './journal.ts'
import type { Ledger } from './ledger/ledger.ts'
import { openMeshLedger } from './orderer.ts'
import { createPeers } from './peers.ts'
import type { Peers } from './peers.ts'
import { goThrough } from './phases/phases.ts'
import type { Held, Left, Passage } from './phases/phases.ts'
import { systemClock } from './plugs/clock.ts'
import { hasRoot, openRoot } from './root.ts'
import { openWorkshop } from './workshop.ts'
import type { LentPart, Workshop } from './workshop.ts'

export interface NodeConfig {
  /** As in a DNS label. */
  readonly name: string
  /** Holds everything that the node must not lose. Made when it is not there. */
  readonly directory: string
  /** Opens the node's keys. */
  readonly passphrase: string
  /** Which part of the machine this node lends: its index among the nodes that share the machine. */
  readonly share: { readonly index: number; readonly of: number }
  /** Address to listen on. Default `::1`. */
  readonly host?: string
  /** UDP port. Default 0: any that is free. A node that has joined keeps the one that its mesh knows. */
  readonly port?: number
}

/** What others need to know of a node before they meet it. */
export interface NodeCard {
  readonly name: string
  readonly key: Uint8Array
  readonly falcon: Uint8Array
  /** Mesh address, as IPv6 text. */
  readonly address: string
  readonly host: string
  readonly port: number
}

export interface NodeStatus {
  /** The last phase that was left; -1 before the first. */
  readonly phase: number
  /** Of the last final block. */
  readonly height: number
  readonly proofs: { readonly made: number; readonly verified: number }
  /** Bytes that this node read from others' memory. */
  readonly remoteBytes: number
}

/** A node, and its parts. */
export interface MeshNode extends AsyncDisposable {
  readonly card: NodeCard
  readonly identity: Identity
  readonly endpoint: Endpoint
  readonly directory: Directory
  readonly peers: Peers
  /** Since phase 2. */
  readonly ledger: Ledger | undefined
  /** Since the last phase. */
  readonly workshop: Workshop | undefined
  /** Makes a root of trust on this node. @returns The fingerprint of its certificate, for an invite. */
  found(mesh: string): Promise<Uint8Array>
  /**
   * Takes the node through the phases that it has not left yet. A node that joined before goes on where it was, and
   * needs no invite.
   *
   * @throws {BootstrapError} when a phase cannot be entered or its proof does not hold; `closed`.
   */
  join(invite?: Invite, options?: { readonly onPhase?: (left: Left) => void }): Promise<void>
  /**
   * Revokes every certificate that this node's root has issued for the name. Whoever has seen the ledger's next block
   * admits its holder no more.
   *
   * @throws {BootstrapError} `wrong-phase` when this node holds no root, `unknown-node` when it certified no such name.
   */
  revoke(name: string, reason?: RevocationReason): Promise<void>
  /** Registers this node's share of the machine, each asset with its four proofs. */
  lend(): Promise<readonly LentPart[]>
  /** Carries a job through the mesh. */
  run(work: JobWork, options?: { readonly onEvent?: (event: JobEvent) => void }): Promise<JobReport>
  status(): NodeStatus
}

/**
 * Opens a node: its keys, its journal, its endpoint. It trusts nobody until it joins.
 *
 * @throws {CryptoError} when the keys are there and cannot be opened; it never makes new ones in their place.
 * @throws {StoqError} `port-taken`.
 */
export async function createNode(config: NodeConfig): Promise<MeshNode> {
  await using scope = new AsyncDisposableStack()
  await mkdir(config.directory, { recursive: true, mode: 0o700 })
  const journal = scope.use(await openPhaseJournal(join(config.directory, 'phases')))
  const identity = await openKeys(config, journal)
  scope.defer(() => identity.close())
  const endpoint = scope.use(
    await createEndpoint({
      key: identity.ed25519,
      authenticator: pinnedKeys([]),
      host: config.host ?? '::1',
      port: portOf(journal, config),
    }),
  )
  return new Node(config, { journal, identity, endpoint }, scope.move())
}

// Keys are made once. A journal without keys is a node that has lost them, which it must say and not paper over.
async function openKeys(
  { directory, passphrase }: NodeConfig,
  journal: PhaseJournal,
): Promise<Identity> {
  const file = join(directory, 'identity')
  const isNew = journal.lines.length === 0 && !existsSync(file)
  return await (isNew ? createIdentity : openIdentity)({ file, passphrase })
}

function portOf(journal: PhaseJournal, { name, port }: NodeConfig): number {
  return inviteIn(journal)?.members.find((member) => member.name === name)?.port ?? port ?? 0
}

function inviteIn({ lines }: PhaseJournal): Invite | undefined {
  const line = lines.find(({ type }) => type === 'invite')
  const decoded = line && inviteCodec.decode(line.proof)
  return decoded?.ok ? decoded.value : undefined
}

class Node implements MeshNode {
  readonly card: NodeCard
  readonly identity: Identity
  readonly endpoint: Endpoint
  readonly directory: Directory = createDirectory()
  readonly peers: Peers
  workshop: Workshop | undefined
  readonly #config: NodeConfig
  readonly #journal: PhaseJournal
  readonly #scope: AsyncDisposableStack
  readonly #closing = new AbortController()
  readonly #held: Held = {}
  readonly #underWay = new Set<Promise<unknown>>()
  #authority: Promise<Authority> | undefined
  #joining: Promise<void> | undefined
  #phase = -1
  #verified = 0
  #remoteBytes = 0

  constructor(
    config: NodeConfig,
    parts: {
      readonly journal: PhaseJournal
      readonly identity: Identity
      readonly endpoint: Endpoint
    },
    scope: AsyncDisposableStack,
  ) {
    const { identity, endpoint } = parts
    this.#config = config
    this.#journal = parts.journal
    this.#scope = scope
    this.identity = identity
    this.endpoint = endpoint
    this.peers = createPeers(endpoint, this.directory)
    const keys = { ed25519: identity.public.ed25519, falcon1024: identity.public.falcon1024 }
    const { host, port } = endpoint.address
    const address = formatAddress(nodeAddress(keys))
    this.card = {
      name: config.name,
      key: keys.ed25519,
      falcon: keys.falcon1024,
      address,
      host,
      port,
    }
  }

  get ledger(): Ledger | undefined {
    return this.#held.ledger
  }

  async found(mesh: string): Promise<Uint8Array> {
    return await this.#during(async () => sha256((await this.#open(mesh)).root))
  }

  async join(
    given?: Invite,
    { onPhase }: { readonly onPhase?: (left: Left) => void } = {},
  ): Promise<void> {
    await this.#during(async () => {
      const invite = await this.#follow(given)
      this.#joining ??= this.#goThrough(invite, (left) => onPhase?.(left))
      // Who failed can try again; who has joined has joined.
      this.#joining.catch(() => (this.#joining = undefined))
      await this.#joining
    })
  }

  async #goThrough(invite: Invite, tell: (left: Left) => void): Promise<void> {
    const index = this.#placeIn(invite)
    const member = invite.members[index]
    if (!member) throw new BootstrapError('not-invited', 'the invite is for others')
    const passage = this.#passage(invite, index, member)
    if (index === invite.founder) this.#serve(invite, await this.#open(invite.mesh))
    this.#phase = await goThrough(passage, this.#journal, tell)
    await this.#openWorkshop()
  }

  async revoke(name: string, reason: RevocationReason = 'unspecified'): Promise<void> {
    await this.#during(async () => {
      const authority = await this.#authority
      if (!authority) throw new BootstrapError('wrong-phase', 'this node holds no root')
      const held = authority.issued().filter((one) => one.name === name && !one.revoked)
      if (held.length === 0)
        throw new BootstrapError('unknown-node', `${name} holds no certificate`)
      for (const { serial } of held) await authority.revoke(serial, reason)
    })
  }

  async lend(): Promise<readonly LentPart[]> {
    return await this.#working().lend()
  }

  async run(
    work: JobWork,
    { onEvent }: { readonly onEvent?: (event: JobEvent) => void } = {},
  ): Promise<JobReport> {
    return await this.#working().run(work, (event) => onEvent?.(event))
  }

  status(): NodeStatus {
    return {
      phase: this.#phase,
      height: Number(this.ledger?.head()?.header.height ?? 0n),
      proofs: { made: this.workshop?.standing.made ?? 0, verified: this.#verified },
      remoteBytes: this.#remoteBytes,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new BootstrapError('closed', 'the node is closed')
    this.#closing.abort(reason)
    // What is opened after the scope is closed would stay open.
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay)
    await this.#scope.disposeAsync()
  }

  async #during<T>(run: () => Promise<T>): Promise<T> {
    this.#closing.signal.throwIfAborted()
    const running = run()
    this.#underWay.add(running)
    try {
      return await running
    } catch (error) {
      // Whatever gave up because of that says so in its own way.
      this.#closing.signal.throwIfAborted()
      throw error
    } finally {
      this.#underWay.delete(running)
    }
  }

  #working(): Workshop {
    if (!this.workshop)
      throw new BootstrapError('wrong-phase', 'the node has not joined a mesh yet')
    return this.workshop
  }

  // The first invite is the one that counts: a node belongs to one mesh. One that cannot be followed is not kept.
  async #follow(given: Invite | undefined): Promise<Invite> {
    const known = inviteIn(this.#journal)
    const invite = known ?? given
    if (!invite) throw new BootstrapError('bad-invite', 'this node has no invite yet')
    const isOther =
      given && known && String(inviteCodec.encode(given)) !== String(inviteCodec.encode(known))
    if (isOther)
      throw new BootstrapError('bad-invite', `this node is of the mesh ${known.mesh} already`)
    const flaw = flawOf(invite)
    if (flaw !== undefined) throw new BootstrapError('bad-invite', flaw)
    const member = invite.members[this.#placeIn(invite)]
    if (!member || !equal(member.key, this.card.key)) {
      throw new BootstrapError(
        'not-invited',
        `the invite has no member ${this.#config.name} with this node's key`,
      )
    }
    if (!known)
      await this.#journal.append({ type: 'invite', phase: 0, proof: inviteCodec.encode(invite) })
    return invite
  }

  #placeIn({ members }: Invite): number {
    return members.findIndex(({ name }) => name === this.#config.name)
  }

  #passage(invite: Invite, index: number, member: Member): Passage {
    const { identity, endpoint, directory, peers } = this
    return {
      invite,
      index,
      member,
      identity,
      endpoint,
      directory,
      peers,
      clock: systemClock,
      held: this.#held,
      signal: this.#closing.signal,
      authority: async () => (hasRoot(this.#config) ? await this.#open(invite.mesh) : undefined),
      found: () => this.#open(invite.mesh),
      openLedger: () => this.#openLedger(invite, index),
    }
  }

  #open(mesh: string): Promise<Authority> {
    this.#authority ??= openRoot({ ...this.#config, clock: systemClock }, mesh).then(
      (root) => this.#scope.use(root).authority,
    )
    this.#authority.catch(() => (this.#authority = undefined))
    return this.#authority
  }

  #serve(invite: Invite, authority: Authority): void {
    serveAuthority(this.peers, authority, (name, key) =>
      invite.members.some((member) => member.name === name && equal(member.key, key)),
    )
  }

  async #openLedger(invite: Invite, index: number): Promise<Ledger> {
    return this.#scope.use(
      await openMeshLedger({
        file: join(this.#config.directory, 'ledger'),
        invite,
        index,
        key: this.identity.ed25519,
        peers: this.peers,
        clock: systemClock,
        policy: defaultPolicy,
        signal: this.#closing.signal,
        onProof: () => this.#verified++,
        // Whatever waits for the ledger hears why it waits in vain.
        onFailure: (error) => this.#closing.abort(error),
      }),
    )
  }

  async #openWorkshop(): Promise<void> {
    const { ledger } = this.#held
    if (!ledger) throw new BootstrapError('wrong-phase', 'there is no ledger')
    const { directory, share } = this.#config
    this.workshop = this.#scope.use(
      await openWorkshop({
        directory,
        share,
        ledger,
        identity: this.identity,
        peers: this.peers,
        nodes: this.directory,
        clock: systemClock,
        policy: defaultPolicy,
        signal: this.#closing.signal,
        onProof: () => this.#verified++,
        onRemoteBytes: (count) => (this.#remoteBytes += count),
      }),
    )
  }
}
