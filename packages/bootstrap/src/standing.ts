import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises'

import {
  audit,
  AUDIT_REQUEST_SIZE_MAX,
  commitmentKey,
  createProver,
  createSpace,
  groundOf,
  headerHash,
  openSpace,
  performWork,
  recordedCodec,
} from '@hypermesh/consensus'
import type { ProofGround, ProofPolicy, Prover, Space } from '@hypermesh/consensus'
import { field, union } from '@hypermesh/crypto'
import type { Codec, SigningKey } from '@hypermesh/crypto'

import { BootstrapError } from './errors.ts'
import { watch } from './ledger/ledger.ts'
import type { Ledger } from './ledger/ledger.ts'
import type { Peers } from './peers.ts'
import type { SystemClock } from './plugs/clock.ts'

/** Asks a drawn auditor to compute again: an audit request, {@link answerCodec} back. */
const PROTOCOL = 'hypermesh/audit/1'

/** A ground is renewed when it is this old, well before claims on it come too late. */
const GROUND_MS = 20_000n

/** An auditor that has not answered by then is passed over for the next one drawn. */
const AUDITOR_MS = 5000

/** Blocks come at least every idle interval; a ground needs the one after the commitment's. */
const BLOCK_MS = 10_000

type Answer =
  | { readonly type: 'attested'; readonly attestation: Uint8Array }
  | { readonly type: 'refused'; readonly reason: string }

const answerCodec: Codec<Answer> = union('hypermesh/audit-answer', 1, 1024, {
  attested: { attestation: field.bytes({ max: 256 }) },
  refused: { reason: field.text({ max: 256 }) },
})

/**
 * What a node can be believed for: bytes it stores, work it has done, both committed to the ledger and challenged by
 * a block that came after. From it a proof for any of the node's assets and leases is a signature away.
 */
export interface Standing extends AsyncDisposable {
  /** Proofs made so far. */
  readonly made: number
  /** @throws {BootstrapError} `no-audit` when no drawn auditor answers; `not-ordered`. */
  prove(subject: Uint8Array): Promise<Uint8Array>
}

export interface StandingOptions {
  /** Where the stored space is, or is to be. */
  readonly file: string
  readonly key: SigningKey
  readonly ledger: Ledger
  readonly peers: Peers
  readonly clock: SystemClock
  readonly policy: ProofPolicy
  readonly signal: AbortSignal
}

interface Ground {
  readonly prover: Prover
  readonly ground: ProofGround
  readonly attestation: Uint8Array
}

export async function openStanding(options: StandingOptions): Promise<Standing> {
  const { key, file, policy, clock } = options
  serveAudits(options)
  const leaves = policy.leavesMin
  const space = await storedSpace({ file, owner: key.publicKey, leaves, signal: options.signal })
  let current: Ground | undefined
  let coming: Promise<Ground> | undefined
  let made = 0
  const fresh = async (): Promise<Ground> => {
    if (current && clock.now() - timestampOf(current) < GROUND_MS) return current
    const laying = (coming ??= layGround(space, options))
    try {
      return (current = await laying)
    } finally {
      // A ground that failed is not the answer to the next question as well.
      if (coming === laying) coming = undefined
    }
  }
  return {
    get made() {
      return made
    },
    prove: async (subject) => {
      const { prover, ground, attestation } = await fresh()
      const proof = await prover.prove(ground, { subject, attestation, at: clock.now() })
      if (!proof.ok) {
        throw new BootstrapError('no-proof', `${proof.reason.part}: ${proof.reason.code}`)
      }
      made++
      return proof.bytes
    },
    [Symbol.asyncDispose]: () => space[Symbol.asyncDispose](),
  }
}

function timestampOf({ ground }: Ground): bigint {
  return ground.finalized.header.timestamp
}

async function storedSpace(options: Parameters<typeof createSpace>[0]): Promise<Space> {
  try {
    return await openSpace(options)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'space-missing')) throw error
    return await createSpace(options)
  }
}

// Work, commitment, the block after it, and an audit: the expensive part, once for many proofs.
async function layGround(space: Space, options: StandingOptions): Promise<Ground> {
  const { key, ledger, policy } = options
  await commitmentsApart(options)
  const head = ledger.head()
  if (!head) throw new BootstrapError('not-ordered', 'the ledger has no block yet')
  const work = await performWork({
    owner: key.publicKey,
    units: policy.unitsMin,
    cost: policy.costMin,
    seed: headerHash(head.header),
    seedHeight: head.header.height,
    pause: () => turn(),
  })
  const { chain, validators } = ledger
  const prover = createProver({ key, chainId: chain, validators, policy, space, work })
  const commitment = prover.commit(head.header.epoch)
  const ordered = await ledger.submit({ type: 'commitment', commitment })
  if (!ordered.ok) throw new BootstrapError('not-ordered', `commitment: ${ordered.reason}`)
  const ground = await groundAfter(ordered.height, options)
  return { prover, ground, attestation: await askAuditors(prover, ground, options) }
}

// The ledger refuses two commitments of one owner in quick succession, also before and after a restart.
async function commitmentsApart({
  key,
  ledger,
  clock,
  policy,
  signal,
}: StandingOptions): Promise<void> {
  const bytes = ledger.state().get(commitmentKey(key.publicKey))
  const last = bytes && recordedCodec.decode(bytes)
  if (!last?.ok) return
  const wait = last.value.timestamp + policy.intervalMin - clock.now()
  if (wait >= 0n) await pause(Number(wait) + 1, undefined, { signal })
}

// A final block after the commitment's: nobody knew its hash when the commitment was made.
async function groundAfter(
  height: bigint,
  { key, ledger, signal }: StandingOptions,
): Promise<ProofGround> {
  const { consensus } = ledger
  const late = AbortSignal.any([signal, AbortSignal.timeout(BLOCK_MS)])
  const ground = await watch(consensus, late, () => groundOf(consensus, key.publicKey))
  if (!ground) throw new BootstrapError('not-ordered', `no block came after block ${height}`)
  return ground
}

async function askAuditors(
  prover: Prover,
  ground: ProofGround,
  { ledger, peers, signal }: StandingOptions,
): Promise<Uint8Array> {
  const { auditors, request } = prover.request(ground)
  const reasons: string[] = []
  for (const index of auditors) {
    const key = ledger.validators[index]?.key
    if (!key) continue
    try {
      const late = { signal: AbortSignal.any([signal, AbortSignal.timeout(AUDITOR_MS)]) }
      const answer = answerCodec.decode(await peers.request(key, PROTOCOL, request, late))
      if (answer.ok && answer.value.type === 'attested') return answer.value.attestation
      reasons.push(answer.ok && answer.value.type === 'refused' ? answer.value.reason : 'nonsense')
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error))
    }
  }
  throw new BootstrapError('no-audit', `no drawn auditor attests the work: ${reasons.join('; ')}`)
}

function serveAudits({ key, ledger, peers, clock, policy }: StandingOptions): void {
  const { chain, validators } = ledger
  peers.answer(
    PROTOCOL,
    async (body) => {
      const terms = { chainId: chain, validators, policy, now: clock.now() }
      const found = await audit(body, { ...terms, key, pause: () => turn() })
      return answerCodec.encode(
        found.ok
          ? { type: 'attested', attestation: found.attestation }
          : { type: 'refused', reason: `${found.reason.part}: ${found.reason.code}` },
      )
    },
    { requestMax: AUDIT_REQUEST_SIZE_MAX },
  )
}
