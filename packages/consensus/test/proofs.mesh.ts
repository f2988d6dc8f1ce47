import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  claimBytes,
  commitmentKey,
  createProver,
  createSpace,
  audit,
  headerHash,
  performWork,
  proofCodec,
  recordCommitment,
  stakeRoot,
  verifyInline,
} from '@hypermesh/consensus'
import type {
  BlockContext,
  Checked,
  ConsensusProof,
  Finalized,
  Header,
  ProofGround,
  ProofPolicy,
  ProofQuestion,
  ProofRefusal,
  Prover,
  Space,
  StateView,
  Validator,
  Work,
} from '@hypermesh/consensus'
import { concat, sha256, signingKeyFromSeed } from '@hypermesh/crypto'
import type { Decoded, SigningKey } from '@hypermesh/crypto'

export const CHAIN = sha256(text('a mesh for tests'))
export const SUBJECT = sha256(text('an asset'))
export const EPOCH = 3n

/** Small, so that tests are quick; what is checked does not depend on the amounts. */
export const POLICY: ProofPolicy = {
  leavesMin: 32,
  unitsMin: 16,
  costMin: 8,
  stakeMin: 10n,
  ageMax: 60_000n,
  intervalMin: 1_000n,
}

export const KEYS: readonly SigningKey[] = [1, 2, 3, 4].map((byte) =>
  signingKeyFromSeed('ed25519', new Uint8Array(32).fill(byte)),
)

export const VALIDATORS: readonly Validator[] = KEYS.map(({ publicKey }, index) => ({
  key: publicKey,
  stake: BigInt(100 + index),
}))

export const TERMS = { chainId: CHAIN, validators: VALIDATORS, policy: POLICY }

export const pause = (): Promise<void> => Promise.resolve()

/** A header that is not signed yet. */
export function header(fields: Partial<Header> & { readonly height: bigint }): Header {
  return {
    chainId: CHAIN,
    epoch: EPOCH,
    view: fields.height + 7n,
    parent: sha256(text(`block ${fields.height - 1n}`)),
    timestamp: 1_000_000n + fields.height * 100n,
    operationsRoot: sha256(text('operations')),
    stateRoot: new Uint8Array(32),
    stakeRoot: stakeRoot(VALIDATORS),
    ...fields,
  }
}

/** Made final by validators 0, 1 and 2. Written out by hand: domain, chain, epoch, view, kind 3, hash. */
export function finalized(signed: Header, signers: readonly number[] = [0, 1, 2]): Finalized {
  const numbers = new DataView(new ArrayBuffer(17))
  numbers.setBigUint64(0, signed.epoch)
  numbers.setBigUint64(8, signed.view)
  numbers.setUint8(16, 3)
  const vote = concat(
    text('hypermesh/vote/1'),
    signed.chainId,
    new Uint8Array(numbers.buffer),
    headerHash(signed),
  )
  const signatures = signers.map((validator) => ({
    validator,
    signature: KEYS[validator]!.sign(vote),
  }))
  return { header: signed, certificate: { signatures }, descendants: [] }
}

export const SEED_HEADER = header({ height: 40n })

/** The block at height 50 on a chain whose block 40 seeded the work. */
export function context(fields: Partial<BlockContext> = {}): BlockContext {
  return {
    chainId: CHAIN,
    height: 50n,
    epoch: EPOCH,
    timestamp: 1_005_000n,
    parent: sha256(text('block 49')),
    validators: VALIDATORS,
    ancestor: (height) => (height === 40n ? SEED_HEADER : undefined),
    ...fields,
  }
}

/** A state with these entries. */
export function stateOf(...entries: readonly (readonly [Uint8Array, Uint8Array])[]): StateView {
  return {
    get: (key) => entries.find(([other]) => text(key) === text(other))?.[1],
    entries: () => entries,
  }
}

/**
 * The ground for proofs that a recorded commitment gives: a state of two entries, its path written out by hand, in
 * the block right after the one that recorded it.
 */
export function ground(
  owner: Uint8Array,
  recorded: Uint8Array,
  fields: Partial<Header> = {},
): ProofGround {
  const key = commitmentKey(owner)
  const leaf = sha256(Uint8Array.of(0), sha256(key), sha256(recorded))
  const beside = sha256(text('the other half of the state'))
  const right = (sha256(key)[0]! & 128) !== 0
  const stateRoot = right
    ? sha256(Uint8Array.of(1), beside, leaf)
    : sha256(Uint8Array.of(1), leaf, beside)
  return {
    finalized: finalized(header({ height: 51n, stateRoot, ...fields })),
    path: { key, value: recorded, siblings: [beside] },
  }
}

/** A node that has really stored and computed what it commits to. */
export interface Node {
  readonly key: SigningKey
  readonly owner: Uint8Array
  readonly space: Space
  readonly work: Work
  readonly prover: Prover
}

export async function node(index: number, folder: string): Promise<Node> {
  const key = KEYS[index]!
  const owner = key.publicKey
  const space = await createSpace({ file: join(folder, `space-${index}`), owner, leaves: 64 })
  const work = await performWork({
    owner,
    units: 32,
    cost: 16,
    seed: headerHash(SEED_HEADER),
    seedHeight: 40n,
    pause,
  })
  return { key, owner, space, work, prover: createProver({ key, ...TERMS, space, work }) }
}

/** What the ledger holds after block 50 for an honest commitment of this prover. */
export function recordedBy(prover: Prover): Uint8Array {
  const outcome = recordCommitment(prover.commit(EPOCH), stateOf(), context(), POLICY)
  if (!outcome.ok) throw new Error(outcome.reason)
  return outcome.write.value!
}

/** The word of the first auditor that was drawn, or of the one `rank` places later. */
export async function attest(prover: Prover, on: ProofGround, rank = 0): Promise<Uint8Array> {
  const { auditors, request } = prover.request(on)
  const key = KEYS[auditors[rank]!]!
  const { timestamp } = on.finalized.header
  const outcome = await audit(request, { ...TERMS, now: timestamp + 5n, key, pause })
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.reason))
  return outcome.attestation
}

export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'proofs-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** The bytes with one bit turned. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const at = bit % (bytes.length * 8)
  return bytes.with(at >> 3, bytes[at >> 3]! ^ (1 << (at & 7)))
}

/** Everything a test of proofs begins with: two honest nodes, and a proof by the first of them. */
export interface Stage extends AsyncDisposable {
  readonly honest: Node
  readonly other: Node
  readonly on: ProofGround
  readonly attestation: Uint8Array
  readonly bytes: Uint8Array
  readonly question: ProofQuestion
  /** What comes of the honest proof when someone changes it and writes it out again. */
  changed(change: (proof: ConsensusProof) => Partial<ConsensusProof>): Uint8Array
  /** The honest proof on another ground, signed anew by its owner: only what it stands on is wrong. */
  moved(where: ProofGround): Uint8Array
  verdict(proof: Uint8Array, asked?: Partial<ProofQuestion>): Checked
}

export async function openStage(): Promise<Stage> {
  const folder = await temporaryFolder()
  const honest = await node(0, folder.path)
  const other = await node(1, folder.path)
  const { key, owner, prover } = honest
  const on = ground(owner, recordedBy(prover))
  const attestation = await attest(prover, on)
  const bytes = await prove(prover, on, attestation)
  const now = on.finalized.header.timestamp + 900n
  const question = { ...TERMS, now, subject: SUBJECT, owner }
  const changed: Stage['changed'] = (change) => {
    const proof = valueOf(proofCodec.decode(bytes))
    return proofCodec.encode({ ...proof, ...change(proof) })
  }
  return {
    honest,
    other,
    on,
    attestation,
    bytes,
    question,
    changed,
    moved({ finalized, path }) {
      const { header, certificate, descendants } = finalized
      return changed(({ stake, time: { at } }) => ({
        header,
        certificate,
        descendants,
        commitment: { recorded: path.value!, siblings: path.siblings },
        stake: {
          ...stake,
          signature: key.sign(claimBytes(header, { subject: SUBJECT, owner, at })),
        },
      }))
    },
    verdict: (proof, asked) => verifyInline(proof, { ...question, ...asked }),
    async [Symbol.asyncDispose]() {
      await honest.space[Symbol.asyncDispose]()
      await other.space[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

export async function prove(
  prover: Prover,
  where: ProofGround,
  attestation: Uint8Array,
  subject = SUBJECT,
): Promise<Uint8Array> {
  const at = where.finalized.header.timestamp + 10n
  const outcome = await prover.prove(where, { subject, attestation, at })
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.reason))
  return outcome.bytes
}

export function refused(part: ProofRefusal['part'], code: string): unknown {
  return { ok: false, reason: { part, code } }
}

/** What was decoded; a test that cannot decode its own bytes has failed. */
export function valueOf<T>(decoded: Decoded<T>): T {
  if (!decoded.ok) throw new Error(decoded.refusal.code)
  return decoded.value
}

export function text(value: string): Uint8Array
export function text(value: Uint8Array): string
export function text(value: string | Uint8Array): Uint8Array | string {
  return typeof value === 'string'
    ? new TextEncoder().encode(value)
    : [...value].map((byte) => String.fromCharCode(byte)).join('')
}
