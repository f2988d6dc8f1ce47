import { equal, toHex } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'

import { ConsensusError } from '../errors.ts'
import { headerHash } from '../header.ts'
import type { Header } from '../header.ts'
import type { Finalized } from '../light/light.ts'
import type { State, StatePath } from '../state/state.ts'
import type { Validator } from '../validator.ts'
import type { Anchor } from './anchor.ts'
import { attestationCodec, auditRequestCodec, drawAuditors } from './audit.ts'
import { beacon } from './beacon.ts'
import { commitmentKey, recordedCodec, signCommitment } from './commitment.ts'
import { CHALLENGE_WINDOW } from './policy.ts'
import type { ProofPolicy } from './policy.ts'
import { claimBytes, proofCodec } from './proof.ts'
import { refuse } from './refusal.ts'
import type { ProofVerdict } from './refusal.ts'
import type { SpaceCommitment, SpaceProof } from './space.ts'
import { stakePath } from './stake.ts'
import { verifyInline } from './verify.ts'
import { workChallenge } from './work.ts'
import type { Output, Work } from './work.ts'

/** What a prover needs of stored space: a `Space` is it. */
export interface SpaceSource extends SpaceCommitment {
  answer(seed: Uint8Array): Promise<SpaceProof>
}

/** What a proof is to stand on, as the mesh gives it. */
export interface ProofGround {
  /** One of the first blocks after the one that recorded the commitment. */
  readonly finalized: Finalized
  /** Of `commitmentKey(owner)` in the state of that block. */
  readonly path: StatePath
}

/**
 * The ground that a chain gives an owner now. Look at each final block: it lasts for few of them.
 *
 * @param chain - A `Consensus` is one.
 * @returns Undefined unless the owner's commitment was recorded in one of the four blocks before the last.
 */
export function groundOf(
  chain: { head(): Finalized | undefined; state(): State },
  owner: Uint8Array,
): ProofGround | undefined {
  const finalized = chain.head()
  const path = chain.state().prove(commitmentKey(owner))
  if (finalized === undefined || path.value === undefined) return undefined
  const recorded = recordedCodec.decode(path.value)
  if (!recorded.ok) return undefined
  const blocks = finalized.header.height - recorded.value.height
  return blocks >= 1n && blocks <= CHALLENGE_WINDOW ? { finalized, path } : undefined
}

/** One owner's side of proofs, from commitment to claim. */
export interface Prover {
  /** A commitment to this space and work: an operation's content, for `recordCommitment`. */
  commit(epoch: bigint): Uint8Array
  /** Whom to ask for an audit, in order, and what to send. */
  request(ground: ProofGround): {
    readonly auditors: readonly number[]
    readonly request: Uint8Array
  }
  /**
   * A proof for one subject. As many as one likes can be made on one ground, from one audit.
   *
   * @param claim.attestation - As the auditor sent it.
   * @param claim.at - Now, in milliseconds since 1970.
   * @returns The encoded proof; or why it would not be accepted, which is the auditor's fault where the part is
   * `work` or `encoding`: ask the next one.
   * @throws {ConsensusError} `space-damaged` when the stored bytes are no longer there.
   */
  prove(
    ground: ProofGround,
    claim: { readonly subject: Uint8Array; readonly attestation: Uint8Array; readonly at: bigint },
  ): Promise<ProofVerdict<{ readonly bytes: Uint8Array }>>
}

export interface ProverOptions {
  /** Ed25519, of one of the validators. */
  readonly key: SigningKey
  readonly chainId: Uint8Array
  readonly validators: readonly Validator[]
  readonly policy: ProofPolicy
  readonly space: SpaceSource
  readonly work: Work
}

/** @throws {ConsensusError} `bad-options` when the key is not a validator's: it could prove no stake. */
export function createProver(options: ProverOptions): Prover {
  const { key, chainId, validators, policy, space, work } = options
  const owner = key.publicKey
  const index = validators.findIndex((validator) => equal(validator.key, owner))
  const stake = validators[index]?.stake
  if (stake === undefined) {
    throw new ConsensusError('bad-options', `${toHex(owner)} is not a validator: it has no stake`)
  }
  const answers = answersOf(space, owner)
  return {
    commit(epoch) {
      const { root, units, cost, seed, seedHeight } = work
      return signCommitment(key, {
        chainId,
        owner,
        epoch,
        space: { root: space.root, leaves: space.leaves },
        work: { root, units, cost, seed, seedHeight },
      })
    },
    request(ground) {
      const { header } = ground.finalized
      const outputs = shown(work, header, owner)
      return {
        auditors: drawAuditors(header, owner, validators),
        request: auditRequestCodec.encode({ ...anchorOf(ground), owner, outputs }),
      }
    },
    async prove(ground, { subject, attestation, at }) {
      const attested = attestationCodec.decode(attestation)
      if (!attested.ok) return refuse({ part: 'encoding', code: attested.refusal.code })
      const { header } = ground.finalized
      const signature = key.sign(claimBytes(header, { subject, owner, at }))
      const bytes = proofCodec.encode({
        ...anchorOf(ground),
        subject,
        owner,
        space: await answers(header),
        stake: { index, stake, path: stakePath(validators, index), signature },
        work: { outputs: shown(work, header, owner), attestation: attested.value },
        time: { at },
      })
      const question = { chainId, validators, policy, now: at, subject, owner }
      const checked = verifyInline(bytes, question)
      return checked.ok ? { ok: true, bytes } : checked
    },
  }
}

function anchorOf({ finalized, path }: ProofGround): Anchor {
  const { header, certificate, descendants } = finalized
  // Without a commitment there is nothing to prove; the empty value fails as malformed.
  const recorded = path.value ?? new Uint8Array()
  return { header, certificate, descendants, commitment: { recorded, siblings: path.siblings } }
}

function shown(work: Work, header: Header, owner: Uint8Array): readonly Output[] {
  return workChallenge(beacon(header, owner), work.units).map((unit) => work.open(unit))
}

/** The last answer is kept: every subject on one header has the same. */
function answersOf(space: SpaceSource, owner: Uint8Array): (header: Header) => Promise<SpaceProof> {
  let last: { readonly hash: Uint8Array; readonly proof: SpaceProof } | undefined
  return async (header) => {
    const hash = headerHash(header)
    if (last !== undefined && equal(last.hash, hash)) return last.proof
    const proof = await space.answer(beacon(header, owner))
    last = { hash, proof }
    return proof
  }
}
