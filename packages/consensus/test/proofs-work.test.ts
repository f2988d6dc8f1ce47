import {
  attestationCodec,
  audit,
  auditRequestCodec,
  createProver,
  createTree,
  drawAuditors,
  headerHash,
  performWork,
  verifyDeep,
  verifyInline,
} from '@hypermesh/consensus'
import type { ProofGround, Work } from '@hypermesh/consensus'
import { sha256 } from '@hypermesh/crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  CHAIN,
  KEYS,
  SEED_HEADER,
  SUBJECT,
  TERMS,
  VALIDATORS,
  attest,
  ground,
  openStage,
  pause,
  prove,
  recordedBy,
  refused,
  text,
  valueOf,
} from './proofs.mesh.ts'
import type { Stage } from './proofs.mesh.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage()
})

afterAll(() => stage[Symbol.asyncDispose]())

describe('what: a lazy worker', () => {
  /** The outcome of an audit of this work, and of the deep check when an auditor lies about it. */
  async function outcomes(work: Work): Promise<readonly unknown[]> {
    const prover = createProver({
      key: stage.honest.key,
      ...TERMS,
      space: stage.honest.space,
      work,
    })
    const where = ground(stage.honest.owner, recordedBy(prover))
    const { auditors, request } = prover.request(where)
    const key = KEYS[auditors[0]!]!
    const audited = await audit(request, { ...TERMS, now: stage.question.now, key, pause })
    const proof = await prove(prover, where, await lie(where, work, auditors[0]!))
    return [
      audited,
      verifyInline(proof, stage.question).ok,
      await verifyDeep(proof, { ...stage.question, pause }),
    ]
  }

  const caught = refused('work', 'wrong-output')

  test('that made its outputs up is refused by the auditor, and by anyone who looks deeper', async () => {
    expect(await outcomes(madeUp(32, (unit) => filled(unit).slice(0, 32)))).toEqual([
      caught,
      true,
      caught,
    ])
  })

  test('that copied the outputs of another node is refused', async () => {
    expect(await outcomes(stage.other.work)).toEqual([caught, true, caught])
  })

  test('that hashed less than it says is refused', async () => {
    const { seed, seedHeight } = stage.honest.work
    const less = await performWork({
      owner: stage.honest.owner,
      units: 32,
      cost: 15,
      seed,
      seedHeight,
      pause,
    })
    expect(await outcomes({ ...less, cost: 16 })).toEqual([caught, true, caught])
  })

  test('that used an older seed is refused', async () => {
    const { seedHeight } = stage.honest.work
    const seed = sha256(text('an old block'))
    const old = await performWork({
      owner: stage.honest.owner,
      units: 32,
      cost: 16,
      seed,
      seedHeight,
      pause,
    })
    expect(await outcomes({ ...old, seed: stage.honest.work.seed })).toEqual([caught, true, caught])
  })

  test('that shows other outputs than it committed to is refused', () => {
    const proof = stage.changed(({ work }) => ({
      work: { ...work, outputs: work.outputs.with(0, work.outputs[1]!) },
    }))
    expect(stage.verdict(proof)).toEqual(refused('work', 'wrong-path'))
    const short = stage.changed(({ work }) => ({
      work: { ...work, outputs: work.outputs.slice(1) },
    }))
    expect(stage.verdict(short)).toEqual(refused('work', 'wrong-path'))
  })

  test('that audits itself is refused', () => {
    expect(stage.verdict(attestedBy(0))).toEqual(refused('work', 'not-drawn'))
  })

  test('that asks a validator who was not drawn is refused, there and here', async () => {
    const { auditors, request } = stage.honest.prover.request(stage.on)
    const notDrawn = [1, 2, 3].find((index) => !auditors.includes(index))!
    const reason = refused('work', 'not-drawn')
    const options = { ...TERMS, now: stage.question.now, key: KEYS[notDrawn]!, pause }
    expect(await audit(request, options)).toEqual(reason)
    expect(stage.verdict(attestedBy(notDrawn))).toEqual(reason)
  })

  test('that signs in the name of its auditor is refused', () => {
    const [auditor] = drawAuditors(stage.on.finalized.header, stage.honest.owner, VALIDATORS)
    expect(stage.verdict(attestedBy(auditor!, 0))).toEqual(refused('work', 'bad-signature'))
  })

  test('cannot use the word that an auditor gave another', async () => {
    const where = ground(stage.other.owner, recordedBy(stage.other.prover))
    for (const rank of [0, 1]) {
      const attestation = valueOf(
        attestationCodec.decode(await attest(stage.other.prover, where, rank)),
      )
      const proof = stage.changed(({ work }) => ({ work: { ...work, attestation } }))
      expect(verifyInline(proof, stage.question)).toMatchObject({
        ok: false,
        reason: { part: 'work' },
      })
    }
  })

  test('learns from its own prover that an auditor answered nonsense', async () => {
    const claim = { subject: SUBJECT, attestation: text('nonsense'), at: 1_005_110n }
    expect(await stage.honest.prover.prove(stage.on, claim)).toMatchObject({
      ok: false,
      reason: { part: 'encoding' },
    })
  })

  function attestedBy(auditor: number, signer = auditor): Uint8Array {
    return stage.changed(({ work }) => ({
      work: {
        ...work,
        attestation: {
          auditor,
          signature: findingBy(auditor, KEYS[signer]!, stage.on, stage.honest.work),
        },
      },
    }))
  }
})

/** What a lying auditor signs without having looked. */
async function lie(where: ProofGround, work: Work, auditor: number): Promise<Uint8Array> {
  const signature = findingBy(auditor, KEYS[auditor]!, where, work)
  return attestationCodec.encode({ auditor, signature })
}

/** An audit finding, written out by hand: deterministic CBOR, keys by length and then by their bytes. */
function findingBy(
  auditor: number,
  key: { sign(message: Uint8Array): Uint8Array },
  where: ProofGround,
  work: Work,
): Uint8Array {
  const { request } = createProver({
    key: stage.honest.key,
    ...TERMS,
    space: stage.honest.space,
    work,
  }).request(where)
  const value = valueOf(auditRequestCodec.decode(request))
  const outputs = sha256(
    sha256(text('hypermesh/work-outputs/1')),
    ...value.outputs.map(({ output }) => output),
  )
  const hash = (name: string, value: Uint8Array): number[] => [
    0x60 + name.length,
    ...text(name),
    0x58,
    32,
    ...value,
  ]
  const domain = 'hypermesh/audit-finding'
  return key.sign(
    Uint8Array.of(
      0x83,
      0x60 + domain.length,
      ...text(domain),
      1,
      0xa6,
      ...hash('root', work.root),
      ...hash('owner', stage.honest.owner),
      ...hash('header', headerHash(where.finalized.header)),
      0x67,
      ...text('auditor'),
      auditor,
      ...hash('chainId', CHAIN),
      ...hash('outputs', outputs),
    ),
  )
}

function madeUp(units: number, output: (index: number) => Uint8Array): Work {
  const tree = createTree(Array.from({ length: units }, (_, index) => output(index)))
  return {
    root: tree.root,
    units,
    cost: 16,
    seed: headerHash(SEED_HEADER),
    seedHeight: 40n,
    open: (index) => ({ output: output(index), path: tree.path(index) }),
  }
}

function filled(index: number): Uint8Array {
  return new Uint8Array(1024).fill(index)
}
