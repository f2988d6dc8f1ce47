import {
  audit,
  auditRequestCodec,
  drawAuditors,
  headerHash,
  PROOF_SIZE_MAX,
  proofCodec,
  recordCommitment,
  recordedCodec,
  signCommitment,
  stakeRoot,
  verifyDeep,
  verifyInline,
} from '@hypermesh/consensus'
import type { ConsensusProof } from '@hypermesh/consensus'
import { sha256, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import {
  CHAIN,
  EPOCH,
  KEYS,
  POLICY,
  TERMS,
  VALIDATORS,
  attest,
  context,
  finalized,
  flip,
  ground,
  header,
  openStage,
  pause,
  prove,
  recordedBy,
  refused,
  stateOf,
  text,
  valueOf,
} from './proofs.mesh.ts'
import type { Stage } from './proofs.mesh.ts'

let stage: Stage

beforeAll(async () => {
  stage = await openStage()
})

afterAll(() => stage[Symbol.asyncDispose]())

/** SHA-256 of the honest proof of the first node. */
const GOLDEN = 'bee8a621f5d8a5fa737d558156f81978bd10063a263357ec061938c45a3fed84'

describe('an honest proof', () => {
  test('is accepted, inline and deep, and says what it proves', async () => {
    const checked = verifyInline(stage.bytes, stage.question)
    expect(checked).toMatchObject({ ok: true, recorded: { height: 50n } })
    expect(await verifyDeep(stage.bytes, { ...stage.question, pause })).toEqual(checked)
  })

  test('is small', () => {
    expect(stage.bytes.length).toBeLessThan(40 * 1024)
    expect(stage.bytes.length).toBeLessThan(PROOF_SIZE_MAX)
  })

  test('can be made for many subjects on one ground, from one audit', async () => {
    const subject = text('another asset')
    const second = await prove(stage.honest.prover, stage.on, stage.attestation, subject)
    expect(verifyInline(second, { ...stage.question, subject }).ok).toBe(true)
    expect(stage.verdict(second)).toEqual(refused('subject', 'other-subject'))
  })

  test('stands with either of the auditors that were drawn', async () => {
    const second = await prove(
      stage.honest.prover,
      stage.on,
      await attest(stage.honest.prover, stage.on, 1),
    )
    expect(second).not.toEqual(stage.bytes)
    expect(verifyInline(second, stage.question).ok).toBe(true)
  })

  test('is for one owner', () => {
    expect(stage.verdict(stage.bytes, { owner: stage.other.owner })).toEqual(
      refused('subject', 'other-owner'),
    )
  })

  test('stands on a header that became final through a later one', async () => {
    const { header: below } = stage.on.finalized
    const above = header({ height: 52n, parent: headerHash(below) })
    const { certificate } = finalized(above)
    const later = { ...stage.on, finalized: { header: below, certificate, descendants: [above] } }
    expect(
      verifyInline(await prove(stage.honest.prover, later, stage.attestation), stage.question).ok,
    ).toBe(true)
  })

  test('is written to the bit as it always was', () => {
    expect(toHex(sha256(stage.bytes))).toBe(GOLDEN)
  })
})

describe('what a proof stands on', () => {
  test('is a header that a quorum made final', () => {
    const { path } = stage.on
    const few = { path, finalized: finalized(stage.on.finalized.header, [0, 1]) }
    expect(stage.verdict(stage.moved(few))).toEqual(refused('header', 'not-final'))
    const twice = { path, finalized: finalized(stage.on.finalized.header, [0, 1, 1]) }
    expect(stage.verdict(stage.moved(twice))).toEqual(refused('header', 'not-final'))
  })

  test('is a header of this chain, with these validators', () => {
    const chainId = sha256(text('another mesh'))
    const recorded = stage.on.path.value!
    const elsewhere = ground(stage.honest.owner, recorded, { chainId })
    expect(stage.verdict(stage.moved(elsewhere))).toEqual(refused('header', 'not-final'))
    const without = { stakeRoot: stakeRoot(VALIDATORS.slice(1)) }
    expect(stage.verdict(stage.moved(ground(stage.honest.owner, recorded, without)))).toEqual(
      refused('header', 'not-final'),
    )
  })

  test.each([
    { height: 49n, code: 'not-before-header' },
    { height: 50n, code: 'not-before-header' },
    { height: 55n, code: 'not-challenged' },
  ] as const)(
    'is not the header at $height for a commitment of block 50: $code',
    ({ height, code }) => {
      const fields = { height, timestamp: 1_005_100n }
      const where = ground(stage.honest.owner, stage.on.path.value!, fields)
      expect(stage.verdict(stage.moved(where))).toEqual(refused('commitment', code))
    },
  )

  test('may be the fourth block after the commitment', async () => {
    const where = ground(stage.honest.owner, stage.on.path.value!, {
      height: 54n,
      timestamp: 1_005_100n,
    })
    const proof = await prove(stage.honest.prover, where, await attest(stage.honest.prover, where))
    expect(verifyInline(proof, stage.question).ok).toBe(true)
  })

  test('holds the commitment in its state', () => {
    const elsewhere = { ...stage.on, path: { ...stage.on.path, siblings: [sha256()] } }
    expect(stage.verdict(stage.moved(elsewhere))).toEqual(refused('commitment', 'not-in-state'))
    const value = valueOf(recordedCodec.decode(stage.on.path.value!))
    const earlier = recordedCodec.encode({ ...value, height: 49n })
    const lied = { ...stage.on, path: { ...stage.on.path, value: earlier } }
    expect(stage.verdict(stage.moved(lied))).toEqual(refused('commitment', 'not-in-state'))
  })

  test('holds it under the owner, not under another', () => {
    const where = ground(stage.other.owner, recordedBy(stage.other.prover))
    expect(stage.verdict(stage.moved(where))).toEqual(refused('commitment', 'other-owner'))
    const stolen = ground(stage.other.owner, stage.on.path.value!)
    expect(stage.verdict(stage.moved(stolen))).toEqual(refused('commitment', 'not-in-state'))
  })

  test.each([
    { what: 'of another chain', fields: { chainId: sha256(text('x')) }, code: 'other-chain' },
    { what: 'of another epoch', fields: { epoch: EPOCH - 1n }, code: 'other-epoch' },
    {
      what: 'to too few leaves',
      fields: { space: { root: CHAIN, leaves: 31 } },
      code: 'too-small',
    },
  ] as const)('holds no commitment $what, whatever the ledger took in', ({ fields, code }) => {
    expect(stage.verdict(stage.moved(ground(stage.honest.owner, recordedAnyway(fields))))).toEqual(
      refused('commitment', code),
    )
  })

  test.each([{ units: 15 }, { cost: 7 }])(
    'holds no commitment to too little work: %o',
    (fields) => {
      const { root, units, cost, seed, seedHeight } = stage.honest.work
      const work = { root, units, cost, seed, seedHeight, ...fields }
      const where = ground(stage.honest.owner, recordedAnyway({ work }))
      expect(stage.verdict(stage.moved(where))).toEqual(refused('commitment', 'too-small'))
    },
  )

  test('holds no commitment that its owner did not sign', () => {
    const value = valueOf(recordedCodec.decode(stage.on.path.value!))
    const unsigned = recordedCodec.encode({ ...value, signature: new Uint8Array(64) })
    expect(stage.verdict(stage.moved(ground(stage.honest.owner, unsigned)))).toEqual(
      refused('commitment', 'bad-signature'),
    )
  })

  test('is checked by the auditor as well', async () => {
    const { request } = stage.honest.prover.request(stage.on)
    const value = valueOf(auditRequestCodec.decode(request))
    const [auditor] = drawAuditors(stage.on.finalized.header, stage.honest.owner, VALIDATORS)
    const unsigned = auditRequestCodec.encode({
      ...value,
      certificate: finalized(stage.on.finalized.header, [0, 1]).certificate,
    })
    const options = { ...TERMS, now: stage.question.now, key: KEYS[auditor!]!, pause }
    expect(await audit(unsigned, options)).toEqual(refused('header', 'not-final'))
    expect(await audit(request, { ...options, now: stage.question.now + 100_000n })).toEqual(
      refused('time', 'too-old'),
    )
  })

  /** As if a ledger that checks nothing had written it. */
  function recordedAnyway(fields: object): Uint8Array {
    const value = valueOf(recordedCodec.decode(stage.on.path.value!))
    const { commitment, height, timestamp } = value
    const signed = signCommitment(stage.honest.key, { ...commitment, ...fields })
    const state = stateOf()
    const { chainId, epoch } = { ...commitment, ...fields }
    const lax = { ...POLICY, leavesMin: 0, unitsMin: 0, costMin: 0 }
    const outcome = recordCommitment(
      signed,
      state,
      context({ chainId, epoch, height, timestamp }),
      lax,
    )
    if (!outcome.ok) throw new Error(outcome.reason)
    return outcome.write.value!
  }
})

describe('whatever is changed', () => {
  test('every single field of a proof counts', () => {
    const value = valueOf(proofCodec.decode(stage.bytes))
    let count = 0
    for (const proof of mutations(value)) {
      count += 1
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a mutation has the shape of what it changed
      const bytes = proofCodec.encode(proof as ConsensusProof)
      expect(verifyInline(bytes, stage.question).ok).toBe(false)
    }
    expect(count).toBeGreaterThan(300)
  })

  test('a proof with any bit turned is refused', () => {
    fc.assert(
      fc.property(fc.nat({ max: stage.bytes.length * 8 - 1 }), (bit) => {
        expect(verifyInline(flip(stage.bytes, bit), stage.question).ok).toBe(false)
      }),
      { numRuns: 500 },
    )
  })

  test('a proof cut short, made longer or made up is refused', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: stage.bytes.length - 1 }),
        fc.uint8Array({ maxLength: 64 }),
        (end, more) => {
          expect(verifyInline(stage.bytes.subarray(0, end), stage.question).ok).toBe(false)
          expect(verifyInline(more, stage.question).ok).toBe(false)
          if (more.length === 0) return
          expect(verifyInline(Uint8Array.of(...stage.bytes, ...more), stage.question).ok).toBe(
            false,
          )
        },
      ),
    )
    expect(stage.verdict(new Uint8Array(PROOF_SIZE_MAX + 1))).toEqual(
      refused('encoding', 'too-long'),
    )
  })

  test('an audit request with any bit turned gets no attestation', async () => {
    const { auditors, request } = stage.honest.prover.request(stage.on)
    const options = { ...TERMS, now: stage.question.now, key: KEYS[auditors[0]!]!, pause }
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: request.length * 8 - 1 }), async (bit) => {
        expect((await audit(flip(request, bit), options)).ok).toBe(false)
      }),
    )
  })
})

/** Every way to change one scalar of a value, or to leave one item of a list out. */
function* mutations(value: unknown): Generator {
  if (value instanceof Uint8Array) {
    if (value.length > 0) yield flip(value, value.length * 8 - 1)
  } else if (typeof value === 'bigint') {
    yield value + 1n
  } else if (typeof value === 'number') {
    yield value + 1
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      yield value.toSpliced(index, 1)
      for (const mutated of mutations(item)) yield value.with(index, mutated)
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      for (const mutated of mutations(item)) yield { ...value, [name]: mutated }
    }
  }
}
