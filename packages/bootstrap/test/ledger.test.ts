import { signOperation } from '@hypermesh/bootstrap'
import type { Body, MeshNode } from '@hypermesh/bootstrap'
import { concat, generateSigningKey, sha256, signingKeyFromSeed, toHex } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import { openAuthority, requestBytes } from '@hypermesh/trustchain'
import type { Authority } from '@hypermesh/trustchain'
import { memoryKeys, memoryLedger } from '@hypermesh/trustchain/testing'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { authorityKeys, entryOf, issued, refusal, revoked, say, taken } from './forge.ts'
import { gather, joinAll } from './mesh.ts'
import type { TestMesh } from './mesh.ts'

const stranger = generateSigningKey('ed25519')

let mesh: TestMesh
let ada: MeshNode
let bob: MeshNode
let keys: readonly SigningKey[]

/** Of the root that the invite pins, and of the one that it has certified. */
let pinned: { readonly root: SigningKey; readonly intermediate: SigningKey }
let second: { readonly root: SigningKey; readonly intermediate: SigningKey }

beforeAll(async () => {
  mesh = await gather(4)
  await joinAll(mesh)
  ada = mesh.nodes[0]!
  bob = mesh.nodes[1]!
  keys = mesh.nodes.map(({ identity }) => identity.ed25519)
  pinned = await authorityKeys(mesh, 0)
  second = await authorityKeys(mesh, 1)
}, 60_000)

afterAll(() => mesh[Symbol.asyncDispose]())

const issuance = (entry: Uint8Array): Body => ({ type: 'issuance', entry })

interface Root extends Authority {
  /** Its first entry. */
  readonly introduction: Uint8Array
  readonly intermediateKey: SigningKey
}

/** A root of trust of nobody's. */
async function foundRoot(name: string): Promise<Root> {
  const ledger = memoryLedger()
  const store = memoryKeys()
  const clock = { now: () => BigInt(Date.now()) }
  const authority = await openAuthority({
    file: ':memory:',
    keys: store,
    ledger,
    clock,
    mesh: name,
  })
  const key = stranger.publicKey
  await authority.issue({ name: 'anyone', key, proof: stranger.sign(requestBytes('anyone', key)) })
  const seed = await store.load(`${name}-intermediate`)
  const intermediateKey = signingKeyFromSeed('ml-dsa-65', seed!)
  return Object.assign(authority, { introduction: ledger.entries[0]!, intermediateKey })
}

describe('an operation', () => {
  const body: Body = { type: 'issuance', entry: new Uint8Array(4) }

  test('has this form for ever', () => {
    const key = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(1))
    expect(toHex(signOperation(key, new Uint8Array(32).fill(2), body))).toMatchInlineSnapshot(
      `"837368797065726d6573682f6f7065726174696f6e01a364626f6479583283781868797065726d6573682f6f7065726174696f6e2d626f647901826869737375616e6365a165656e747279440000000066617574686f7258208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c697369676e61747572655840c569897753067b67029e0fbaf9b16351b6314e67606283e2edf6e58eb2eeb23661595fa8a99f78706277047ea60209ec59b13666be8b6647f644feecb1f1e70d"`,
    )
  })

  test('that is signed for another ledger is refused', async () => {
    const operation = signOperation(keys[0]!, new Uint8Array(32), body)
    expect(await ada.ledger!.consensus.submit(operation)).toEqual(
      refusal('not an operation of this ledger'),
    )
  })

  test('with a bit flipped, cut short or made up is refused', async () => {
    const { consensus, chain } = ada.ledger!
    const { name, falcon, host, port } = mesh.invite.members[0]!
    const good = signOperation(keys[0]!, chain, {
      type: 'name',
      name,
      falcon,
      host,
      port,
      sequence: 1n << 60n,
    })
    const isRefused = async (bytes: Uint8Array): Promise<boolean> => {
      const said = await consensus.submit(bytes)
      return !said.ok && said.reason === 'not an operation of this ledger'
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length * 8 - 1), (bit) => {
        const bytes = good.slice()
        bytes[bit >> 3] = bytes[bit >> 3]! ^ (1 << (bit & 7))
        return isRefused(bytes)
      }),
    )
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), (length) => isRefused(good.subarray(0, length))),
    )
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), isRefused))
  })

  test('is the same operation when it is said again, wherever', async () => {
    const { chain } = ada.ledger!
    const { name, falcon, host, port } = mesh.invite.members[0]!
    const operation = signOperation(keys[0]!, chain, {
      type: 'name',
      name,
      falcon,
      host,
      port,
      sequence: 2n,
    })
    const first = await ada.ledger!.consensus.submit(operation)
    const again = await bob.ledger!.consensus.submit(operation)
    expect(first.ok && again.ok && again.finalized.header.height).toBe(
      first.ok && first.finalized.header.height,
    )
  })
})

describe('a name', () => {
  const record = (name: string, sequence: bigint): Extract<Body, { type: 'name' }> => {
    const { falcon, host, port } = mesh.invite.members[1]!
    return { type: 'name', name, falcon, host, port, sequence }
  }

  test('is for the key that was certified for it', async () => {
    expect(await say(ada, stranger, record('node-1', 9n))).toEqual(
      refusal('no certificate says that the author is node-1'),
    )
    expect(await say(ada, keys[2]!, record('node-1', 9n))).toEqual(
      refusal('no certificate says that the author is node-1'),
    )
    expect(await say(ada, keys[2]!, record('nobody', 9n))).toEqual(
      refusal('no certificate says that the author is nobody'),
    )
  })

  test('is not overwritten by an older record, or by another of the same age', async () => {
    expect(await say(ada, keys[1]!, record('node-1', 5n))).toEqual(taken)
    const other = { ...record('node-1', 5n), port: 1 }
    expect(await say(ada, keys[1]!, other)).toEqual(refusal('the name has a record 5 already'))
    expect(await say(ada, keys[1]!, record('node-1', 4n))).toEqual(
      refusal('the name has a record 5 already'),
    )
  })
})

describe('an issuance entry', () => {
  test('of a key that no authority of the ledger has is refused', async () => {
    const key = generateSigningKey('ml-dsa-65')
    for (const body of [issued('eve', stranger.publicKey), revoked('aa')]) {
      expect(await say(ada, keys[0]!, issuance(entryOf(key, body)))).toEqual(refusal('unknown-key'))
    }
  })

  test('whose signature does not hold is refused', async () => {
    const entry = entryOf(pinned.intermediate, issued('eve', stranger.publicKey))
    entry[entry.length - 1]! ^= 1
    expect(await say(ada, keys[0]!, issuance(entry))).toEqual(refusal('issuance entry: '))
    expect(await say(ada, keys[0]!, issuance(new Uint8Array(9)))).toEqual(
      refusal('issuance entry: '),
    )
  })

  test('that gives a name to a second key is refused', async () => {
    const entry = entryOf(pinned.intermediate, issued('carol', stranger.publicKey, '01'))
    expect(await say(ada, keys[3]!, issuance(entry))).toEqual(taken)
    for (const { intermediate } of [pinned, second]) {
      const other = entryOf(intermediate, issued('carol', keys[1]!.publicKey, '02'))
      expect(await say(ada, keys[0]!, issuance(other))).toEqual(
        refusal('the name carol is held by another key'),
      )
    }
  })

  test('that gives a member’s name to another key than the invite does is refused', async () => {
    const entry = entryOf(pinned.intermediate, issued('node-2', stranger.publicKey))
    expect(await say(ada, keys[0]!, issuance(entry))).toEqual(
      refusal('the invite gives node-2 another key'),
    )
  })

  test('with a name that nothing could be filed under is refused', async () => {
    const entry = entryOf(pinned.intermediate, issued('n'.repeat(64), stranger.publicKey))
    expect(await say(ada, keys[0]!, issuance(entry))).toEqual(refusal('the name is too long'))
  })

  test('that is said again by somebody else undoes nothing', async () => {
    const key = stranger.publicKey
    const old = entryOf(pinned.intermediate, issued('dave', key, '10'))
    const renewed = entryOf(pinned.intermediate, issued('dave', key, '11'))
    for (const entry of [old, renewed]) {
      expect(await say(ada, keys[0]!, issuance(entry))).toEqual(taken)
    }
    expect(await say(ada, keys[0]!, issuance(entryOf(pinned.intermediate, revoked('11'))))).toEqual(
      taken,
    )
    expect(await say(ada, stranger, issuance(old))).toEqual(taken)
    // Were the name filed under the old certificate again, it would still be its key's.
    const other = entryOf(pinned.intermediate, issued('dave', keys[3]!.publicKey, '12'))
    expect(await say(ada, keys[0]!, issuance(other))).toEqual(taken)
  })
})

describe('a revocation', () => {
  test('takes the name from the key, and only its own issuer can say it', async () => {
    const lost = generateSigningKey('ed25519')
    const { falcon, host, port } = mesh.invite.members[0]!
    const record = { type: 'name', name: 'frank', falcon, host, port } as const
    const first = entryOf(pinned.intermediate, issued('frank', lost.publicKey, '20'))
    expect(await say(ada, keys[0]!, issuance(first))).toEqual(taken)
    expect(await say(ada, lost, { ...record, sequence: 1n })).toEqual(taken)

    // Another authority's word about the same serial is about another certificate.
    const others = entryOf(second.intermediate, revoked('20'))
    expect(await say(bob, keys[1]!, issuance(others))).toEqual(taken)
    const issuer = sha256(pinned.intermediate.publicKey)
    expect(ada.ledger!.isRevoked('20', issuer)).toBe(false)
    expect(await say(ada, lost, { ...record, sequence: 2n })).toEqual(taken)

    const own = entryOf(pinned.intermediate, revoked('20'))
    expect(await say(ada, keys[0]!, issuance(own))).toEqual(taken)
    expect(ada.ledger!.isRevoked('20', issuer)).toBe(true)
    expect(ada.ledger!.names().some(({ name }) => name === 'frank')).toBe(false)
    expect(await say(ada, lost, { ...record, sequence: 3n })).toEqual(
      refusal('no certificate says that the author is frank'),
    )
    // The name is free for the key that its holder has now.
    const next = entryOf(pinned.intermediate, issued('frank', stranger.publicKey, '21'))
    expect(await say(ada, keys[0]!, issuance(next))).toEqual(taken)
  })
})

describe('an authority', () => {
  test('is founded by a member, of this mesh, once', async () => {
    await using first = await foundRoot('test')
    await using more = await foundRoot('test')
    await using other = await foundRoot('other')
    expect(await say(ada, stranger, issuance(first.introduction))).toEqual(
      refusal('only a member founds a root'),
    )
    expect(await say(ada, keys[2]!, issuance(other.introduction))).toEqual(
      refusal('the root is of the mesh other'),
    )
    expect(await say(ada, keys[2]!, issuance(first.introduction))).toEqual(taken)
    expect(await say(ada, keys[2]!, issuance(more.introduction))).toEqual(
      refusal('a member founds one root'),
    )
  })

  test('introduces itself in its own name, and in one way', async () => {
    await using root = await foundRoot('test')
    const { intermediate } = root
    const forged = entryOf(generateSigningKey('ml-dsa-65'), {
      type: 'authority',
      mesh: 'test',
      root: root.root,
      intermediate,
    })
    expect(await say(ada, keys[3]!, issuance(forged))).toEqual(refusal('issuance entry: '))
    const changed = entryOf(pinned.root, {
      type: 'authority',
      mesh: 'test',
      root: ada.ledger!.foundedBy(keys[0]!.publicKey)!,
      intermediate,
    })
    expect(await say(ada, keys[0]!, issuance(changed))).toEqual(
      refusal('the root has introduced itself otherwise'),
    )
  })

  test('that the first root has not certified certifies and revokes nothing, and is no anchor', async () => {
    await using rogue = await foundRoot('test')
    expect(await say(ada, keys[3]!, issuance(rogue.introduction))).toEqual(taken)
    for (const body of [issued('mallory', stranger.publicKey), revoked('aa')]) {
      const entry = entryOf(rogue.intermediateKey, body)
      expect(await say(ada, keys[3]!, issuance(entry))).toEqual(refusal('unknown-key'))
    }
    const has = (roots: readonly Uint8Array[]): boolean =>
      roots.some((root) => toHex(root) === toHex(rogue.root))
    expect(has(ada.ledger!.roots())).toBe(true)
    expect(has(ada.ledger!.anchors())).toBe(false)
    expect(ada.ledger!.anchors().length).toBe(2)
  })
})

describe('a cross-certificate', () => {
  const cross = (issuer: Uint8Array, subject: Uint8Array, certificate: Uint8Array): Body => ({
    type: 'cross',
    issuer: sha256(issuer),
    subject: sha256(subject),
    certificate,
  })

  test('of roots that the ledger does not know is refused', async () => {
    await using rogue = await foundRoot('test')
    const root = ada.ledger!.foundedBy(keys[0]!.publicKey)!
    for (const [issuer, subject] of [
      [root, rogue.root],
      [rogue.root, root],
    ] as const) {
      expect(await say(ada, keys[3]!, cross(issuer, subject, new Uint8Array(9)))).toEqual(
        refusal('a root of the cross-certificate is not in the ledger'),
      )
    }
  })

  test('that does not hold is refused', async () => {
    const [first, other] = [0, 1].map((index) => ada.ledger!.foundedBy(keys[index]!.publicKey)!)
    const prefix = concat(new TextEncoder().encode('cross/'), sha256(first!), sha256(other!))
    const good = ada.ledger!.state().get(prefix)!
    const forged = good.slice()
    forged[forged.length - 1]! ^= 1
    const wrong: readonly Body[] = [
      cross(first!, other!, forged),
      cross(first!, other!, new Uint8Array(9)),
      // One root's certificate for itself, as if it were for the other, and the other way round.
      cross(first!, other!, first!),
      cross(first!, other!, other!),
      cross(other!, first!, good),
    ]
    for (const body of wrong) {
      expect(await say(ada, keys[3]!, body)).toEqual(refusal('the cross-certificate does not hold'))
    }
    // With the root's own signature: for no authority, under another name, by another name.
    const flag = indexOf(good, Uint8Array.of(0x55, 0x1d, 0x13), 0) + 3
    const name = new TextEncoder().encode('test')
    const issuer = indexOf(good, name, 0)
    const subject = indexOf(good, name, issuer + 1)
    for (const at of [indexOf(good, Uint8Array.of(1, 1, 0xff, 2), flag) + 2, issuer, subject]) {
      const changed = resigned(good, at, pinned.root)
      expect(await say(ada, keys[3]!, cross(first!, other!, changed))).toEqual(
        refusal('the cross-certificate does not hold'),
      )
    }
    for (const certificate of [good, resigned(good, undefined, pinned.root)]) {
      expect(await say(ada, keys[3]!, cross(first!, other!, certificate))).toEqual(taken)
    }
  })
})

function indexOf(bytes: Uint8Array, part: Uint8Array, from: number): number {
  const at = bytes.findIndex(
    (_, index) => index >= from && part.every((byte, offset) => bytes[index + offset] === byte),
  )
  expect(at).toBeGreaterThan(0)
  return at
}

/** The certificate with another byte at `at`, if any, signed anew: the signature is what comes last. */
function resigned(certificate: Uint8Array, at: number | undefined, by: SigningKey): Uint8Array {
  const bytes = certificate.slice()
  if (at !== undefined) bytes[at] = bytes[at] === 0xff ? 0 : 'x'.charCodeAt(0)
  const view = new DataView(bytes.buffer)
  const signed = bytes.subarray(4, 8 + view.getUint16(6))
  const signature = by.sign(signed)
  bytes.set(signature, bytes.length - signature.length)
  return bytes
}
