import { headerHash, merkleRoot, statementBytes, verifyFinalized } from '@hypermesh/consensus'
import type { Application, Header, Network } from '@hypermesh/consensus'
import { keyValueOperation } from '@hypermesh/consensus/testing'
import { toHex } from '@hypermesh/crypto'
import { expect, test } from 'vitest'

import { bytes, CHAIN, KEYS, openMesh, VALIDATORS } from './mesh.ts'
import { blockCodec, certifiedCodec, finalCodec, KINDS, proposalCodec } from './wire.ts'

interface Block {
  readonly header: Header
  readonly operations: readonly Uint8Array[]
}

/** Lets everything in that does not begin with "no", and writes nothing: so that no state root gives a liar away. */
const lenient: Application = {
  check: (operation) => (operation[0] === 110 ? { ok: false, reason: 'no' } : { ok: true }),
  apply: () => [],
}

/** Headers that were proposed, by their hashes. */
type Seen = ReadonlyMap<string, Header>

type Change = (block: Block, seen: Seen) => Block

/** Changes the blocks that validator 0 proposes, and signs them anew. */
function lying(change: Change, signer: number, lies: Set<string>, seen: Seen = new Map()) {
  return (network: Network): Network => ({
    ...network,
    broadcast: (message) => {
      const decoded = message[0] === 0x83 ? proposalCodec.decode(message) : undefined
      if (!decoded?.ok) {
        network.broadcast(message)
        return
      }
      const { header, operations } = change(decoded.value, seen)
      const hash = headerHash(header)
      lies.add(toHex(hash))
      const statement = {
        kind: 'propose',
        epoch: 0n,
        view: decoded.value.header.view,
        hash,
      } as const
      const signature = KEYS[signer]!.sign(statementBytes(CHAIN, statement))
      network.broadcast(proposalCodec.encode({ type: 'proposal', header, operations, signature }))
    },
  })
}

function header(change: (header: Header, parent: Header) => Partial<Header>): Change {
  return ({ header, operations }, seen) => ({
    header: { ...header, ...change(header, seen.get(toHex(header.parent)) ?? header) },
    operations,
  })
}

function holding(add: (operations: readonly Uint8Array[]) => readonly Uint8Array[]) {
  return ({ header, operations }: Block): Block => {
    const changed = add(operations)
    return { header: { ...header, operationsRoot: merkleRoot(changed) }, operations: changed }
  }
}

const ZERO = new Uint8Array(32)

test.each([
  { name: 'nothing wrong', change: header(() => ({})), isFinal: true },
  {
    name: 'a time a little later',
    change: header((one) => ({ timestamp: one.timestamp + 1n })),
    isFinal: true,
  },
  {
    name: 'another operation',
    change: holding((all) => [...all, bytes(`x${all.length}`)]),
    isFinal: true,
  },
  { name: "another validator's signature", change: header(() => ({})), signer: 1 },
  { name: 'another chain', change: header(() => ({ chainId: ZERO })) },
  { name: 'another epoch', change: header(() => ({ epoch: 1n })) },
  { name: 'the height of its parent', change: header((one) => ({ height: one.height - 1n })) },
  { name: 'a height too great', change: header((one) => ({ height: one.height + 1n })) },
  { name: 'another view', change: header((one) => ({ view: one.view + 1n })) },
  { name: 'an unknown parent', change: header(() => ({ parent: ZERO })) },
  { name: 'a time of long ago', change: header((one) => ({ timestamp: one.timestamp - 60_000n })) },
  {
    name: 'the time of its parent',
    change: header((_one, parent) => ({ timestamp: parent.timestamp })),
  },
  { name: 'the beginning of time', change: header(() => ({ timestamp: 0n })) },
  { name: 'a time to come', change: header((one) => ({ timestamp: one.timestamp + 2000n })) },
  { name: 'another state', change: header(() => ({ stateRoot: ZERO.slice().fill(1) })) },
  { name: 'other stakes', change: header(() => ({ stakeRoot: ZERO })) },
  { name: 'other operations than it says', change: header(() => ({ operationsRoot: ZERO })) },
  { name: 'an operation that is refused', change: holding((all) => [...all, bytes('no')]) },
  {
    name: 'an operation twice',
    change: holding((all) => [...all, bytes('twice'), bytes('twice')]),
  },
  {
    name: 'an operation that is final already',
    change: holding((all) => [...all, bytes('first')]),
  },
  {
    name: 'too many bytes',
    change: holding(() => [1, 2, 3].map((seed) => new Uint8Array(720_000).fill(seed))),
  },
  {
    name: 'too many operations',
    change: holding(() => Array.from({ length: 1025 }, (_, number) => bytes(`${number}`))),
  },
])(
  'a leader proposes a block with $name, and the chain goes on',
  async ({ change, signer = 0, isFinal = false }) => {
    const lies = new Set<string>()
    const honest = { application: lenient }
    await using mesh = await openMesh({}, [undefined, honest, honest, honest])
    const seen = new Map<string, Header>()
    mesh.world.watch((_from, _to, message) => {
      const decoded = message[0] === 0x83 ? proposalCodec.decode(message) : undefined
      if (decoded?.ok) seen.set(toHex(headerHash(decoded.value.header)), decoded.value.header)
    })
    await mesh.submit(1, bytes('first'), 10_000)
    await mesh.open(0, { ...honest, through: lying(change, signer, lies, seen) })
    const final: string[] = []
    mesh.node(1).follow(({ finalized }) => {
      expect(verifyFinalized(finalized, VALIDATORS, CHAIN)).toBe(true)
      final.push(toHex(headerHash(finalized.header)))
    })
    for (let passed = 0; passed < 30_000 && lies.size < 3; passed += 100) await mesh.world.run(100)
    await mesh.world.run(3000)
    expect(lies.size).toBeGreaterThanOrEqual(3)
    expect(final.length).toBeGreaterThan(5)
    expect(final.some((hash) => lies.has(hash))).toBe(isFinal)
  },
)

test('a leader that proposes two blocks in a view is found out', async () => {
  const lies = new Set<string>()
  const twice = (network: Network): Network => {
    const second = lying(
      header((one) => ({ timestamp: one.timestamp + 1n })),
      0,
      lies,
    )(network)
    return {
      ...network,
      broadcast: (message) => {
        network.broadcast(message)
        if (message[0] === 0x83 && proposalCodec.decode(message).ok) second.broadcast(message)
      },
    }
  }
  await using mesh = await openMesh({}, [{ through: twice }, {}, {}, {}])
  await mesh.world.run(10_000)
  const evidence = mesh.node(2).evidence()
  expect(evidence.length).toBeGreaterThan(0)
  for (const { first } of evidence) expect(first).toMatchObject({ validator: 0, kind: 'propose' })
  expect(await mesh.submit(1, keyValueOperation('k', 'v'), 10_000)).toMatchObject({ ok: true })
})

test.each([
  { name: 'not signed', change: (vote: Uint8Array) => vote.fill(1, 100) },
  { name: 'of another epoch', change: (vote: Uint8Array) => inEpoch(vote, 1n) },
])('votes that are $name do not count', async ({ change }) => {
  const spoilt = (network: Network): Network => ({
    ...network,
    broadcast: (message) => {
      const isProposal = message[0] === 0x83 && proposalCodec.decode(message).ok
      // Certificates that it makes of the others' votes and its own good ones would hold.
      if (isProposal) network.broadcast(message)
      if (message.length === 115) network.broadcast(change(message.slice()))
    },
    send: () => undefined,
  })
  // Two honest ones and one whose votes are wrong: no quorum.
  await using mesh = await openMesh({}, [{ through: spoilt }, {}, {}])
  await mesh.world.run(15_000)
  expect(mesh.heights().slice(1)).toEqual([0n, 0n])
})

test('votes count only from those whose they are', async () => {
  await using mesh = await openMesh({}, [{}, {}, {}])
  // Validator 0 reaches the others only by way of a stranger, that repeats all it hears.
  mesh.world.cut([
    [0, 4],
    [1, 2, 4],
  ])
  const stranger = mesh.world.network(4)
  mesh.world.watch((from, _to, message) => {
    if (from !== 4) stranger.broadcast(message)
  })
  await mesh.world.run(15_000)
  expect(mesh.heights()).toEqual([0n, 0n, 0n])
})

test.each([
  { name: 'nobody has signed', signers: [], isBelieved: false },
  { name: 'too few have signed', signers: [0, 3], isBelieved: false },
  { name: 'one has signed for all', signers: [0, 0, 0], isBelieved: false },
  {
    name: 'a quorum has signed for another epoch',
    signers: [0, 1, 2],
    epoch: 1n,
    isBelieved: false,
  },
  { name: 'a quorum has signed', signers: [0, 1, 2], isBelieved: true },
])(
  'a certificate that $name is believed: $isBelieved',
  async ({ signers, epoch = 0n, isBelieved }) => {
    await using mesh = await openMesh({}, [undefined, {}, {}, {}])
    const network = mesh.world.network(0)
    for (const kind of [1, 2, 3]) {
      // For the far future of views, as no honest node's is: who believes it goes there.
      const view = 1_000_000n
      const hash = new Uint8Array(32).fill(kind === 2 ? 0 : kind)
      const statement = { kind: KINDS[kind] ?? 'nullify', epoch, view, hash }
      const signatures = signers.map((signer, validator) => ({
        validator,
        signature: KEYS[signer]!.sign(statementBytes(CHAIN, statement)),
      }))
      const certified = [{ kind, epoch, view, hash, certificate: { signatures } }]
      if (kind === 2 || !isBelieved)
        network.broadcast(certifiedCodec.encode({ type: 'certified', certified }))
    }
    await mesh.world.run(8000)
    const views = mesh.nodes.map((node) => node?.head()?.header.view ?? 0n)
    // There is no way from there: nothing tells what was final in a million views that never were.
    expect(views.slice(1).every((view) => view < 3n)).toBe(isBelieved)
  },
)

test.each([
  { name: 'nobody has signed', signers: [] },
  { name: 'too few have signed', signers: [0, 1] },
])('a final block that $name is not taken', async ({ signers }) => {
  await using mesh = await openMesh({}, [undefined, {}, {}, {}])
  const liar = mesh.world.network(0)
  const hashes: string[] = []
  const lies = new Set<string>()
  mesh.node(1).follow(({ finalized }) => hashes.push(toHex(headerHash(finalized.header))))
  for (let round = 0; round < 20; round++) {
    await mesh.world.run(500)
    const head = mesh.node(1).head()?.header
    if (head === undefined) continue
    const lie = childOf(head)
    lies.add(toHex(headerHash(lie)))
    liar.broadcast(finalMessage(lie, signers))
  }
  expect(hashes.length).toBeGreaterThan(5)
  expect(hashes.some((hash) => lies.has(hash))).toBe(false)
})

test('a second final block in the place of one that is final stops a node: too many lie', async () => {
  await using mesh = await openMesh({}, [undefined, {}, {}, {}])
  const liar = mesh.world.network(0)
  await mesh.world.run(5000)
  const { header } = mesh.node(1).head()!
  const done = expect(mesh.node(1).done).rejects.toMatchObject({ code: 'fork' })
  mesh.world.cut([[0, 1]])
  liar.broadcast(finalMessage(childOf({ ...header, timestamp: 1n }), [0, 2, 3]))
  await mesh.world.run(1000)
  await done
})

// Taken, they would push out of the memory the blocks that are being voted on.
test('a block that nobody asked for is not taken', async () => {
  await using mesh = await openMesh({}, [undefined, {}, {}, {}])
  const liar = mesh.world.network(0)
  await mesh.world.run(2000)
  const { header: head } = mesh.node(1).head()!
  let answers = 0
  mesh.world.watch((from, to) => {
    if (from === 1 && to === 0) answers++
  })
  mesh.world.cut([[0, 1]])
  for (let number = 0n; number < 300n; number++) {
    const header = childOf({ ...head, timestamp: head.timestamp + number })
    const own = { ...header, parent: headerHash(head) }
    liar.send(1, blockCodec.encode({ type: 'block', header: own, operations: [] }))
    liar.send(1, blockCodec.encode({ type: 'wantBlock', hash: headerHash(own) }))
  }
  await mesh.world.run(20)
  expect(answers).toBeLessThan(20)
})

function childOf(head: Header): Header {
  return {
    ...head,
    height: head.height + 1n,
    view: head.view + 1n,
    parent: headerHash(head),
    timestamp: head.timestamp + 1n,
    operationsRoot: merkleRoot([]),
  }
}

/** A block without operations, which therefore changes no state. */
function finalMessage(header: Header, signers: readonly number[]): Uint8Array {
  const { epoch, view } = header
  const statement = { kind: 'finalize', epoch, view, hash: headerHash(header) } as const
  const message = statementBytes(CHAIN, statement)
  const signatures = signers.map((validator) => ({
    validator,
    signature: KEYS[validator]!.sign(message),
  }))
  const block = { header, certificate: { signatures }, descendants: [], operations: [] }
  return finalCodec.encode({ type: 'final', blocks: [block] })
}

/** The same vote, signed by the same validator for another epoch. */
function inEpoch(vote: Uint8Array, epoch: bigint): Uint8Array {
  const view = new DataView(vote.buffer)
  const kind = KINDS[view.getUint8(0)] ?? 'nullify'
  const statement = { kind, epoch, view: view.getBigUint64(11), hash: vote.slice(19, 51) }
  view.setBigUint64(3, epoch)
  vote.set(KEYS[view.getUint16(1)]!.sign(statementBytes(CHAIN, statement)), 51)
  return vote
}
