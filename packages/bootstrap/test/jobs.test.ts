import { verifyOrdered } from '@hypermesh/bootstrap'
import type { JobEvent, JobReport, JobWork, MeshNode } from '@hypermesh/bootstrap'
import { programHash, receiptCodec } from '@hypermesh/catalog-vm'
import type { Program } from '@hypermesh/catalog-vm'
import { equal, sha256, toHex } from '@hypermesh/crypto'
import { narrow, referenceCodec } from '@hypermesh/proxy-nat'
import type { Stream } from '@hypermesh/stoq'
import { afterAll, beforeAll, expect, test } from 'vitest'

import {
  AUDIT_PROTOCOL,
  auditAnswerCodec,
  partAnswerCodec,
  partCodec,
  referencesCodec,
  REGION_PROTOCOL,
  regionAnswerCodec,
  regionCodec,
  RETURN_PROTOCOL,
  returnAnswerCodec,
  returnCodec,
  RUN_PROTOCOL,
} from '../src/jobs/wire.ts'
import type { AuditAnswer, PartAnswer, PartRequest } from '../src/jobs/wire.ts'
import { receiptOf } from './forge.ts'
import { gather, joinAll } from './mesh.ts'
import type { TestMesh } from './mesh.ts'

const program: Program = {
  language: 'javascript',
  source: 'function main(input) { return String(input.reduce((sum, byte) => sum + byte, 0)) }',
}

const parts = [1, 2, 3].map((value) => new Uint8Array(1000).fill(value))

const work: JobWork = {
  program,
  parts,
  isolation: 'isolate',
  limits: { wallMs: 20_000, memoryBytes: 128 * 1024 * 1024, outputMax: 1000 },
}

let mesh: TestMesh
let ada: MeshNode
let bob: MeshNode
let idle: MeshNode
let report: JobReport
const events: JobEvent[] = []

const run = (): Promise<JobReport> => ada.run(work, { onEvent: (event) => events.push(event) })

// Three of the four lend; the fourth refuses whatever it is asked for.
beforeAll(async () => {
  mesh = await gather(4)
  await joinAll(mesh)
  ada = mesh.nodes[0]!
  bob = mesh.nodes[1]!
  idle = mesh.nodes[3]!
  await Promise.all(mesh.nodes.slice(0, 3).map((node) => node.lend()))
  report = await run()
}, 60_000)

afterAll(() => mesh[Symbol.asyncDispose]())

const shelf = (name: string): Uint8Array => new TextEncoder().encode(name)

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

test('a job comes back with every output, and an ordered receipt for each', () => {
  expect(report.outputs.map(text)).toEqual(['1000', '2000', '3000'])
  const { chain, validators } = ada.ledger!
  for (const { part, node, receipt, order } of report.receipts) {
    expect(verifyOrdered(order, { chain, validators, receipt }).ok).toBe(true)
    const decoded = receiptCodec.decode(receipt)
    if (!decoded.ok) throw new Error('no receipt')
    const { value } = decoded
    expect(equal(value.executor, ada.directory.byName(node)!.key)).toBe(true)
    expect(equal(value.program, programHash(program))).toBe(true)
    expect(equal(value.input, sha256(parts[part]!))).toBe(true)
    expect(equal(value.output, sha256(report.outputs[part]!))).toBe(true)
  }
})

test('two parts are run again elsewhere, and the verdicts are in the ledger', () => {
  expect(events.find(({ type }) => type === 'audited')).toMatchObject({ parts: 2, agreed: 2 })
  const verdicts = ada.ledger!.state().entries(shelf('verdict/'))
  expect([...verdicts].length).toBe(2)
})

test('memory that a job borrowed is back when it is done', async () => {
  const leases = (): number => [...ada.ledger!.state().entries(shelf('lease/'))].length
  await expect.poll(leases, { timeout: 10_000 }).toBe(0)
})

test('only its holder gives memory back', async () => {
  const until = BigInt(Date.now()) + 60_000n
  const answer = regionAnswerCodec.decode(
    await bob.peers.request(
      ada.card.key,
      REGION_PROTOCOL,
      regionCodec.encode({ size: 4096, until }),
    ),
  )
  if (!answer.ok || answer.value.type !== 'lent') throw new Error('no memory was lent')
  const reference = referenceCodec.decode(answer.value.reference)
  if (!reference.ok) throw new Error('no reference')
  const body = returnCodec.encode({ region: reference.value.pointer.region })
  const ask = async (node: MeshNode): Promise<string | undefined> => {
    const said = returnAnswerCodec.decode(
      await node.peers.request(ada.card.key, RETURN_PROTOCOL, body),
    )
    return said.ok ? said.value.type : undefined
  }
  expect(await ask(idle)).toBe('refused')
  expect(await ask(bob)).toBe('returned')
  expect(await ask(bob)).toBe('refused')
})

test('a part of no bytes runs like any other', async () => {
  const empty = { ...work, parts: [new Uint8Array(), new Uint8Array(10).fill(4)] }
  const { outputs } = await ada.run(empty)
  expect(outputs.map(text)).toEqual(['0', '40'])
})

test('of a validator that opens many streams, one is read', async () => {
  const open = (): Promise<Stream> => bob.peers.open(ada.card.key, 'hypermesh/consensus/1')
  const first = await open()
  const second = await open()
  await expect(first.read()).rejects.toMatchObject({ code: 'reset' })
  second.reset()
})

test('a node that lends nothing holds no part and runs none', () => {
  expect(report.receipts.some(({ node }) => node === idle.card.name)).toBe(false)
})

const request = async (node: MeshNode, protocol: string, body: Uint8Array): Promise<Uint8Array> =>
  await idle.peers.request(node.card.key, protocol, body)

const part = (said: Partial<PartRequest>): Uint8Array =>
  partCodec.encode({
    id: new Uint8Array(32),
    ...program,
    input: referencesCodec.encode({ places: [] }),
    inputMax: 1000,
    ...work.limits,
    isolation: 'isolate',
    ...said,
  })

test('a rerun of another program, or of what never ran, puts no verdict into the ledger', async () => {
  const verdicts = (): readonly string[] =>
    [...ada.ledger!.state().entries(shelf('verdict/'))].map(([key]) => toHex(key))
  const before = verdicts()
  const ask = async (node: MeshNode, body: Uint8Array): Promise<AuditAnswer | undefined> => {
    const answer = auditAnswerCodec.decode(await request(node, AUDIT_PROTOCOL, body))
    return answer.ok ? answer.value : undefined
  }
  const source = 'function main() { return "2" }'
  for (const { receipt } of report.receipts) {
    const hash = sha256(receipt)
    for (const node of mesh.nodes) {
      const hasJudged = before.some((key) => key.endsWith(toHex(hash) + toHex(node.card.key)))
      // Who has judged already says it again, and runs nothing.
      expect(await ask(node, part({ source, receipt: hash }))).toMatchObject(
        hasJudged ? { type: 'ran' } : { reason: 'the receipt is for another program' },
      )
    }
  }
  expect(await ask(bob, part({}))).toMatchObject({ reason: 'no receipt is named' })
  expect(verdicts()).toEqual(before)
})

test('a rerun waits a little for its receipt, but not many at a time for one peer', async () => {
  const body = part({ receipt: new Uint8Array(32) })
  const ask = async (): Promise<string> => {
    const answer = auditAnswerCodec.decode(await request(bob, AUDIT_PROTOCOL, body))
    return answer.ok && answer.value.type === 'refused' ? answer.value.code : ''
  }
  const answers = await Promise.all(Array.from({ length: 12 }, ask))
  expect(answers.toSorted()).toEqual([
    ...Array.from({ length: 4 }, () => 'busy'),
    ...Array.from({ length: 8 }, () => 'unknown-receipt'),
  ])
})

test('a rerun on another input is none', async () => {
  const size = 4096
  const until = BigInt(Date.now() + 20_000)
  const body = regionCodec.encode({ size, until })
  const answer = regionAnswerCodec.decode(
    await ada.peers.request(bob.card.key, REGION_PROTOCOL, body),
  )
  if (!answer.ok || answer.value.type !== 'lent') throw new Error('bob lends nothing')
  const { receipt } = report.receipts[0]!
  const hash = sha256(receipt)
  const reference = referenceCodec.decode(answer.value.reference)
  if (!reference.ok) throw new Error('bob lends nothing')
  const { capability, pointer } = reference.value
  const judge = mesh.nodes.find((node) => {
    const key = new Uint8Array([...shelf('verdict/'), ...hash, ...node.card.key])
    return node !== ada && node !== bob && !ada.ledger!.state().get(key)
  })!
  const right = narrow({
    capability,
    holder: ada.identity.ed25519,
    audience: judge.card.key,
    rights: ['attach', 'read'],
    offset: 0,
    length: size,
    notBefore: BigInt(Date.now()),
    notAfter: until,
  })
  const input = referencesCodec.encode({
    places: [referenceCodec.encode({ capability: right, pointer })],
  })
  const asked = part({ input, inputMax: size, receipt: hash })
  const said = auditAnswerCodec.decode(await request(judge, AUDIT_PROTOCOL, asked))
  expect(said).toMatchObject({ ok: true, value: { reason: 'the receipt is for another input' } })
})

test('requests that are nonsense are refused, and do no harm', async () => {
  for (const protocol of [RUN_PROTOCOL, AUDIT_PROTOCOL, REGION_PROTOCOL]) {
    const answer = await request(bob, protocol, new Uint8Array(9).fill(7))
    const codec =
      protocol === RUN_PROTOCOL
        ? partAnswerCodec
        : protocol === AUDIT_PROTOCOL
          ? auditAnswerCodec
          : regionAnswerCodec
    expect(codec.decode(answer)).toMatchObject({ ok: true, value: { code: 'bad-request' } })
  }
})

test('a run is for an hour at most', async () => {
  const answer = partAnswerCodec.decode(
    await request(bob, RUN_PROTOCOL, part({ wallMs: 3_600_001 })),
  )
  expect(answer).toMatchObject({ ok: true, value: { code: 'bad-request' } })
})

test('a part whose input cannot be read gives its lease back', async () => {
  const answer = partAnswerCodec.decode(await request(bob, RUN_PROTOCOL, part({})))
  expect(answer).toMatchObject({ ok: true, value: { code: 'input-unavailable' } })
  const again = partAnswerCodec.decode(await request(bob, RUN_PROTOCOL, part({})))
  expect(again).toMatchObject({ ok: true, value: { code: 'input-unavailable' } })
})

test('a part goes elsewhere when its answer is not what it says', async () => {
  const key = bob.identity.ed25519
  const { receipt, order } = report.receipts.find(({ node }) => node === bob.card.name)!
  const output = report.outputs[report.receipts.findIndex((each) => each.receipt === receipt)]!
  const lies: readonly ((asked: PartRequest) => PartAnswer)[] = [
    // All as it should be, only that the ledger has never seen it.
    ({ id }) => {
      const hash = programHash(program)
      const inputs = parts.map((bytes) => sha256(bytes))
      const input = inputs.find((each) => equal(sha256(hash, each, bob.card.key), id))!
      const said = { job: id, program: hash, input, output: sha256(output) }
      return { type: 'done', output, receipt: receiptOf(key, said), order }
    },
    // What was ordered, for another part of another job; and what was never ordered.
    () => ({ type: 'done', output: new Uint8Array(1), receipt, order }),
    () => ({
      type: 'done',
      output,
      receipt: receiptOf(key, { output: sha256(output) }),
      order,
    }),
  ]
  let asked = 0
  bob.peers.answer(
    RUN_PROTOCOL,
    async (body) => {
      const request = partCodec.decode(body)
      if (!request.ok) throw new Error(request.refusal.code)
      return partAnswerCodec.encode(lies[asked++ % lies.length]!(request.value))
    },
    { requestMax: 0 },
  )
  events.length = 0
  for (let job = 0; job < 2; job++) {
    const next = await run()
    expect(next.outputs.map(text)).toEqual(['1000', '2000', '3000'])
    expect(next.receipts.some(({ node }) => node === bob.card.name)).toBe(false)
  }
  expect(asked).toBeGreaterThanOrEqual(lies.length)
  expect(
    events.filter((event) => event.type === 'moved' && event.from === bob.card.name),
  ).not.toEqual([])
})

test('a node that starts again lends again at once, also what it had lent', async () => {
  const again = await mesh.reopen(2)
  await again.join()
  await again.lend()
  const mine = [
    ...again.ledger!.state().entries(new Uint8Array([...shelf('lease/'), ...again.card.key])),
  ]
  expect(mine).toEqual([])
})
