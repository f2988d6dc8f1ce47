import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  field,
  fromHex,
  generateSigningKey,
  record,
  sha256,
  signingKeyFromSeed,
  toHex,
} from '@hypermesh/crypto'
import { entryCodec, journalLedger, keyId, revocations, verifyEntry } from '@hypermesh/trustchain'
import type { EntryBody, Revocations } from '@hypermesh/trustchain'
import { forgetfulLedger, issuanceLedgerTests, memoryLedger } from '@hypermesh/trustchain/testing'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { constraints, forge, pair } from './forge.ts'
import { START, certify, folder, ground, verify } from './mesh.ts'
import type { Ground } from './mesh.ts'

const here = folder()
afterAll(() => here[Symbol.dispose]())

let files = 0
const fresh = (): string => join(here.path, `${(files += 1)}.db`)

describe('the journal ledger', () => {
  issuanceLedgerTests(test, async () => {
    const file = fresh()
    return { open: async () => journalLedger({ file }) }
  })

  test('gives its entries back in order', async () => {
    const file = fresh()
    const entries = [Uint8Array.of(3), Uint8Array.of(1), Uint8Array.of(2)]
    {
      await using ledger = journalLedger({ file })
      for (const entry of entries) await ledger.append(entry)
    }
    await using again = journalLedger({ file })
    expect([...again.entries()]).toEqual(entries)
  })

  test('a proof commits to all entries before it', async () => {
    const proofs: string[] = []
    for (const first of [1, 2]) {
      await using ledger = journalLedger({ file: fresh() })
      await ledger.append(Uint8Array.of(first))
      proofs.push(toHex((await ledger.append(Uint8Array.of(7))).proof))
    }
    expect(proofs[0]).not.toBe(proofs[1])
  })

  test.each([
    ['an entry', "UPDATE ledger SET entry = x'05', digest = x'06' WHERE position = 1"],
    ['an entry and its hash', null],
    ['a link', "UPDATE ledger SET link = x'00' WHERE position = 2"],
    ['a missing entry', 'DELETE FROM ledger WHERE position = 1'],
  ])('%s that was changed is noticed when it is opened', async (_, sql) => {
    const file = fresh()
    {
      await using ledger = journalLedger({ file })
      for (const byte of [1, 2, 3]) await ledger.append(Uint8Array.of(byte))
    }
    const database = new DatabaseSync(file)
    if (sql) database.exec(sql)
    else {
      const entry = Uint8Array.of(9)
      const forged = database.prepare('UPDATE ledger SET entry = ?, digest = ? WHERE position = 1')
      forged.run(entry, sha256(entry))
    }
    database.close()
    expect(() => journalLedger({ file })).toThrow(
      expect.objectContaining({ code: 'store-damaged' }),
    )
  })

  test('one process at a time', async () => {
    const file = fresh()
    await using _ = journalLedger({ file })
    expect(() => journalLedger({ file })).toThrow(expect.objectContaining({ code: 'store-in-use' }))
  })

  test('the proof’s encoding is pinned', async () => {
    await using ledger = journalLedger({ file: fresh() })
    const { proof } = await ledger.append(Uint8Array.of(1))
    expect(toHex(proof)).toBe(
      '83766879706572' +
        '6d6573682f6a6f75726e616c2d6c696e6b01a3' +
        `65656e7472795820${toHex(sha256(Uint8Array.of(1)))}` +
        `666265666f72655820${toHex(sha256())}` +
        '68706f736974696f6e00',
    )
  })
})

describe('the simulated ledger', () => {
  issuanceLedgerTests(test, async () => {
    const ledger = memoryLedger()
    return { open: async () => ledger }
  })
})

describe('entries', () => {
  const key = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(7))
  const by = keyId(key.publicKey)
  const bodies: EntryBody[] = [
    { type: 'authority', mesh: 'm', root: Uint8Array.of(1), intermediate: Uint8Array.of(2) },
    {
      type: 'issued',
      serial: '0a',
      name: 'n',
      key: new Uint8Array(32),
      tbs: new Uint8Array(32),
      notAfter: 5n,
    },
    {
      type: 'crossed',
      serial: '0b',
      root: new Uint8Array(32),
      tbs: new Uint8Array(32),
      notAfter: 6n,
    },
    { type: 'revoked', serial: '0a', reason: 'privilege-withdrawn', at: 7n },
  ]

  test.each(bodies)('$type comes through its encoding', (body) => {
    const entry = { body, by, signature: Uint8Array.of(1) }
    expect(entryCodec.decode(entryCodec.encode(entry))).toEqual({ ok: true, value: entry })
  })

  test('the encoding is pinned', () => {
    const body: EntryBody = { type: 'revoked', serial: '0a', reason: 'privilege-withdrawn', at: 7n }
    const bytes = entryCodec.encode({ body, by: new Uint8Array(32), signature: Uint8Array.of(1) })
    expect(toHex(bytes)).toBe(
      '8375' +
        '68797065726d6573682f74727573742d656e74727901a3' +
        `6262795820${'00'.repeat(32)}` +
        '64626f647982677265766f6b6564a3626174076672656173' +
        '6f6e0966' +
        '73657269616c623061' +
        '697369676e61747572654101',
    )
  })

  test('a reason that nobody knows is refused', () => {
    const body: EntryBody = { type: 'revoked', serial: '0a', reason: 'superseded', at: 7n }
    const bytes = entryCodec.encode({ body, by, signature: Uint8Array.of(1) })
    const at = toHex(bytes).indexOf('66726561736f6e04') / 2 + 7
    bytes[at] = 7
    expect(entryCodec.decode(bytes)).toMatchObject({ refusal: { code: 'out-of-range' } })
  })

  test('random, cut and over-long bytes are refused, never thrown at', () => {
    const good = entryCodec.encode({ body: bodies[1]!, by, signature: new Uint8Array(64) })
    expect(entryCodec.decode(new Uint8Array(40_961))).toMatchObject({
      refusal: { code: 'too-long' },
    })
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(entryCodec.decode(bytes).ok).toBe(false)
        expect(revocations().add(bytes)).toEqual({ ok: false, reason: 'malformed' })
      }),
    )
    fc.assert(
      fc.property(fc.nat({ max: good.length - 1 }), (length) => {
        expect(entryCodec.decode(good.subarray(0, length)).ok).toBe(false)
      }),
    )
  })
})

describe('what a ledger says about revocation', () => {
  async function twoRevocations(at: Ground): Promise<{ serial: string; root: Uint8Array }> {
    await using authority = await at.open()
    const { serial } = await certify(authority, 'node-1')
    await authority.revoke(serial, 'superseded')
    return { serial, root: authority.root }
  }

  test('any node can fold it, and comes to what the authority says', async () => {
    using at = ground()
    await using authority = await at.open()
    const chains = [await certify(authority, 'node-1'), await certify(authority, 'node-2')]
    await authority.revoke(chains[0]!.serial, 'superseded')
    const seen = revocations(at.ledger.entries)
    for (const { chain } of chains) {
      const here = await verify(chain, authority)
      const there = await verify(chain, seenBy(authority.root, seen))
      expect(there).toEqual(here)
    }
    expect(chains.map(({ serial }) => seen.isRevoked(serial))).toEqual([true, false])
  })

  test('an entry whose signature was changed says nothing', async () => {
    using at = ground()
    const { serial } = await twoRevocations(at)
    const seen = revocations(at.ledger.entries.slice(0, 2))
    const forged = at.ledger.entries[2]!.slice()
    forged[forged.length - 1]! ^= 1
    expect(seen.add(forged)).toEqual({ ok: false, reason: 'bad-signature' })
    expect(seen.isRevoked(serial)).toBe(false)
    expect(seen.add(at.ledger.entries[2]!).ok).toBe(true)
    expect(seen.isRevoked(serial)).toBe(true)
  })

  test('one that comes before its authority says nothing', async () => {
    using at = ground()
    const { serial } = await twoRevocations(at)
    const seen = revocations()
    expect(seen.add(at.ledger.entries[2]!)).toEqual({ ok: false, reason: 'unknown-key' })
    expect(seen.isRevoked(serial)).toBe(false)
  })

  test('an authority is introduced by its own root only', async () => {
    using at = ground()
    await twoRevocations(at)
    const decoded = entryCodec.decode(at.ledger.entries[0]!)
    if (!decoded.ok) throw new Error('unreadable')
    const mallory = generateSigningKey('ml-dsa-65')
    const seen = revocations()
    const stolen = entryCodec.encode({ ...decoded.value, by: keyId(mallory.publicKey) })
    expect(seen.add(stolen)).toEqual({ ok: false, reason: 'unknown-key' })
    const forged = at.ledger.entries[0]!.slice()
    forged[forged.length - 1]! ^= 1
    expect(seen.add(forged)).toEqual({ ok: false, reason: 'bad-signature' })
  })

  test('one authority cannot revoke what another has signed', async () => {
    using at = ground()
    using elsewhere = ground()
    await using authority = await at.open()
    const { chain, serial } = await certify(authority, 'node-1')
    // The other one happens to draw the same serial, and revokes its own certificate.
    const random = {
      fill: (bytes: Uint8Array) => bytes.set(serialBytes(serial).subarray(0, bytes.length)),
    }
    await using other = await elsewhere.open({ random })
    expect((await certify(other, 'node-1')).serial).toBe(serial)
    await other.revoke(serial, 'superseded')
    const seen = revocations([...at.ledger.entries, ...elsewhere.ledger.entries])
    expect(seen.isRevoked(serial)).toBe(true)
    expect((await verify(chain, seenBy(authority.root, seen))).ok).toBe(true)
  })

  test('a limited number of authorities is remembered', async () => {
    const keys = await pair('root', 'Ed25519')
    const statement = { body: field.choice({ authority }), by: field.bytes({ length: 32 }) }
    const signed = record('hypermesh/trust-statement', 1, 40_960, statement)
    const introduce = async (at: number): Promise<Uint8Array> => {
      const key = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(at))
      const certificate = (publicKey: Uint8Array) =>
        forge({
          subject: 'CN=r',
          issuer: 'CN=r',
          serial: '01',
          from: START,
          until: START,
          keys,
          signer: keys,
          info: Uint8Array.of(...fromHex('302a300506032b6570032100'), ...publicKey),
          extensions: { constraints: constraints(true) },
        })
      const root = await certificate(key.publicKey)
      const intermediate = await certificate(new Uint8Array(32).fill(at))
      const by = keyId(key.publicKey)
      const body = { type: 'authority', mesh: 'm', root, intermediate } as const
      return entryCodec.encode({ body, by, signature: key.sign(signed.encode({ body, by })) })
    }
    const seen = revocations()
    for (let at = 1; at <= 64; at += 1) expect(seen.add(await introduce(at)).ok).toBe(true)
    expect(seen.add(await introduce(65))).toEqual({ ok: false, reason: 'full' })
    expect(seen.add(await introduce(64)).ok).toBe(true)
  })

  test('an entry is verified against one key', async () => {
    using at = ground()
    await twoRevocations(at)
    const mallory = generateSigningKey('ml-dsa-65')
    const [entry] = at.ledger.entries
    expect(verifyEntry(entry!, mallory)).toEqual({ ok: false, refusal: { code: 'other-key' } })
    const decoded = entryCodec.decode(entry!)
    if (!decoded.ok) throw new Error('unreadable')
    const stolen = entryCodec.encode({ ...decoded.value, by: keyId(mallory.publicKey) })
    expect(verifyEntry(stolen, mallory)).toEqual({ ok: false, refusal: { code: 'bad-signature' } })
  })
})

describe('changing the ledger', () => {
  test('replays everything that was written, then uses the new one', async () => {
    using at = ground()
    await using authority = await at.open()
    const { serial } = await certify(authority, 'node-1')
    await authority.revoke(serial, 'superseded')
    const next = memoryLedger()
    await authority.setLedger(next)
    expect(next.entries).toEqual(at.ledger.entries)
    await certify(authority, 'node-2')
    expect([next.entries.length, at.ledger.entries.length]).toEqual([4, 3])
  })

  test('is repeated without harm, also after a restart', async () => {
    using at = ground()
    const next = memoryLedger()
    {
      await using authority = await at.open()
      await certify(authority, 'node-1')
      await authority.setLedger(next)
      await authority.setLedger(next)
    }
    await using again = await at.open()
    await again.setLedger(next)
    expect(next.entries).toEqual(at.ledger.entries)
  })

  test('that fails on the way leaves the old one in use, and is taken up again', async () => {
    using at = ground()
    await using authority = await at.open()
    for (const name of ['node-1', 'node-2', 'node-3']) await certify(authority, name)
    const next = memoryLedger()
    let left = 5
    const broken = {
      append: (entry: Uint8Array) => {
        left -= 1
        if (left < 0) next.fail('before')
        return next.append(entry)
      },
    }
    await expect(authority.setLedger(broken)).rejects.toMatchObject({ code: 'replay-failed' })
    await certify(authority, 'node-4')
    expect(at.ledger.entries).toHaveLength(5)
    next.fail(false)
    await authority.setLedger(next)
    expect(next.entries).toEqual(at.ledger.entries)
  })

  test('to one that forgets, or gives one place twice, is refused', async () => {
    using at = ground()
    await using authority = await at.open()
    await certify(authority, 'node-1')
    const crowded = { append: async () => ({ position: 1n, proof: Uint8Array.of(1) }) }
    for (const bad of [forgetfulLedger(), crowded]) {
      await expect(authority.setLedger(bad)).rejects.toMatchObject({ code: 'replay-failed' })
    }
    await certify(authority, 'node-2')
    expect(at.ledger.entries).toHaveLength(3)
  })

  test('waits for what is being issued, and completes what was waiting', async () => {
    using at = ground()
    await using authority = await at.open()
    at.ledger.fail('before')
    await expect(certify(authority, 'node-1')).rejects.toMatchObject({ code: 'ledger-unavailable' })
    expect(authority.issued()).toEqual([])
    const next = memoryLedger()
    const [, issued] = await Promise.all([authority.setLedger(next), certify(authority, 'node-2')])
    expect(authority.issued().map(({ name }) => name)).toEqual(['node-1', 'node-2'])
    expect((await verify(issued.chain, authority)).ok).toBe(true)
    expect(next.entries).toHaveLength(3)
  })
})

const authority = {
  mesh: field.text({ max: 63 }),
  root: field.bytes({ max: 16_384 }),
  intermediate: field.bytes({ max: 16_384 }),
}

function seenBy(root: Uint8Array, seen: Revocations) {
  return {
    root,
    isRevoked: (serial: string, issuer?: Uint8Array) => seen.isRevoked(serial, issuer),
  }
}

function serialBytes(serial: string): Uint8Array {
  const bytes = Array.from({ length: 16 }, (_, at) =>
    Number.parseInt(serial.slice(2 * at, 2 * at + 2), 16),
  )
  return Uint8Array.from([...bytes, ...bytes])
}
