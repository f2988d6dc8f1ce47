import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import {
  audit,
  commitmentKey,
  createProver,
  createSpace,
  defaultPolicy,
  emptyState,
  headerHash,
  openSpace,
  performWork,
  recordCommitment,
  stakeRoot,
  statementBytes,
  verifyDeep,
  verifyInline,
} from '@hypermesh/consensus'
import type { Finalized, Header, State } from '@hypermesh/consensus'
import { generateSigningKey, sha256 } from '@hypermesh/crypto'

const ROUNDS = 9

const key = generateSigningKey('ed25519')
const keys = [key, ...[1, 2, 3].map(() => generateSigningKey('ed25519'))]
const owner = key.publicKey
const validators = keys.map(({ publicKey }) => ({ key: publicKey, stake: 1n }))
const chainId = sha256()
const policy = defaultPolicy
const pause = (): Promise<void> => Promise.resolve()

type Tell = (name: string, value: number, meaning: string) => void

/** What a proof of 4 MiB and half a million hashes costs, at every step: medians of nine. */
export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const figures: Record<string, number> = {}
  const tell: Tell = (name, value, meaning) => {
    figures[name] = value
    print(`${name.padEnd(20)} ${value.toFixed(value < 10 ? 2 : 0).padStart(8)}  ${meaning}`)
  }
  const folder = await mkdtemp(join(tmpdir(), 'hypermesh-proofs-'))
  try {
    const file = await store(folder, tell)
    await prove(file, tell)
  } finally {
    await rm(folder, { recursive: true })
  }
  return figures
}

/** @returns A space file. */
async function store(folder: string, tell: Tell): Promise<string> {
  const leaves = policy.leavesMin
  const options = (round: number) => ({ file: join(folder, `space-${round}`), owner, leaves })
  const sealing = await median(async (round) => {
    await using _ = await createSpace(options(round))
  })
  tell('sealMiBPerSecond', (leaves / 1024 / sealing) * 1000, 'seal, write, sync and open')
  const opening = await median(async () => {
    await using _ = await openSpace(options(0))
  })
  tell('openMiBPerSecond', (leaves / 1024 / opening) * 1000, 'read all of it, and check the root')
  return options(0).file
}

async function prove(file: string, tell: Tell): Promise<void> {
  await using space = await openSpace({ file, owner, leaves: policy.leavesMin })
  const seeds = header(1n, emptyState())
  const seed = headerHash(seeds)
  const amount = { units: policy.unitsMin, cost: policy.costMin }
  const compute = () => performWork({ owner, ...amount, seed, seedHeight: 1n, pause })
  tell('workMs', await median(compute), `${amount.units} units of ${amount.cost} hashes`)

  const work = await compute()
  const prover = createProver({ key, chainId, validators, policy, space, work })
  const state = recorded(prover.commit(0n), seeds)
  const path = state.prove(commitmentKey(owner))
  const ground = { finalized: finalized(header(3n, state)), path }
  const now = ground.finalized.header.timestamp
  const terms = { chainId, validators, policy, now }
  const { auditors, request } = prover.request(ground)
  const auditor = keys.find((_, index) => index === auditors[0]) ?? key
  const answer = () => audit(request, { ...terms, key: auditor, pause })
  const audited = await answer()
  if (!audited.ok) throw new Error(JSON.stringify(audited.reason))
  tell('requestBytes', request.length, 'what an auditor is sent')
  tell('auditMs', await median(answer), 'check it and re-execute')

  const { attestation } = audited
  const subject = sha256(Uint8Array.of(1))
  const claim = () => prover.prove(ground, { subject, attestation, at: now })
  const proof = await claim()
  if (!proof.ok) throw new Error(JSON.stringify(proof.reason))
  const question = { ...terms, subject, owner }
  tell('proofBytes', proof.bytes.length, 'a proof')
  tell('proveMs', await median(claim), 'each further subject on one ground')
  tell('verifyInlineMs', await median(() => verifyInline(proof.bytes, question)), 'all four parts')
  const deep = await median(() => verifyDeep(proof.bytes, { ...question, pause }))
  tell('verifyDeepMs', deep, 'the same, and re-execute')
}

async function median(work: (round: number) => unknown): Promise<number> {
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const started = performance.now()
    await work(round)
    times.push(performance.now() - started)
  }
  return times.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? Number.NaN
}

/** The state after a block that took in the commitment. */
function recorded(commitment: Uint8Array, seeds: Header): State {
  const { height, epoch, timestamp, parent } = header(2n, emptyState())
  const chain = { chainId, validators, ancestor: () => seeds }
  const context = { ...chain, height, epoch, timestamp, parent }
  const outcome = recordCommitment(commitment, emptyState(), context, policy)
  if (!outcome.ok) throw new Error(outcome.reason)
  return emptyState().write([outcome.write])
}

function header(height: bigint, { root }: State): Header {
  return {
    chainId,
    height,
    epoch: 0n,
    view: height,
    parent: sha256(),
    timestamp: 1_000n * height,
    operationsRoot: sha256(),
    stateRoot: root,
    stakeRoot: stakeRoot(validators),
  }
}

/** Signed by the first three. */
function finalized(header: Header): Finalized {
  const { epoch, view } = header
  const hash = headerHash(header)
  const vote = statementBytes(chainId, { kind: 'finalize', epoch, view, hash })
  const signatures = keys
    .slice(0, 3)
    .map((signer, validator) => ({ validator, signature: signer.sign(vote) }))
  return { header, certificate: { signatures }, descendants: [] }
}
