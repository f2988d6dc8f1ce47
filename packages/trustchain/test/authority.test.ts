import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { generateSigningKey, toHex } from '@hypermesh/crypto'
import {
  CERTIFICATES_PER_KEY_MAX,
  entryCodec,
  readCertificate,
  requestBytes,
} from '@hypermesh/trustchain'
import { memoryKeys } from '@hypermesh/trustchain/testing'
import { describe, expect, test } from 'vitest'
import { DAY, START, certify, ground, heldLedger, request, verify } from './mesh.ts'

function bodies(entries: readonly Uint8Array[]): string[] {
  return entries.map((entry) => {
    const decoded = entryCodec.decode(entry)
    return decoded.ok ? decoded.value.body.type : 'unreadable'
  })
}

describe('issuing', () => {
  test('a node that shows its key gets a chain that verifies', async () => {
    using here = ground()
    await using authority = await here.open()
    const key = generateSigningKey('ed25519')
    const { chain, serial } = await certify(authority, 'node-1', key)
    const verdict = await verify(chain, authority)
    const { root } = authority
    expect(verdict).toEqual({ ok: true, name: 'node-1', key: key.publicKey, serial, root })
    expect(serial).toMatch(/^[0-9a-f]{32}$/)
  })

  test('certificates say what RFC 5280 wants them to', async () => {
    using here = ground()
    await using authority = await here.open()
    const { chain } = await certify(authority, 'node-1')
    const [leaf, intermediate, root] = [...chain, authority.root].map((der) => {
      const reading = readCertificate(der)
      if (!reading.ok) throw new Error(reading.refusal.detail)
      return reading.certificate
    })
    expect(root).toMatchObject({
      authority: { below: 2 },
      usage: 0x60,
      notBefore: START - 300_000n,
    })
    expect(intermediate).toMatchObject({ authority: { below: 0 }, usage: 0x60 })
    expect(leaf).toMatchObject({ usage: 0x01, notAfter: START + 30n * DAY })
    expect(leaf?.purposes).toEqual(new Set(['client', 'server']))
    expect(leaf?.names).toEqual({ dns: ['node-1'], others: false })
    const schemes = [leaf, intermediate, root].map((one) => one?.signature.scheme)
    expect(schemes).toEqual(['ml-dsa-65', 'ml-dsa-65', 'ml-dsa-65'])
    // Node and OpenSSL read the same in them.
    const [x, y, z] = [...chain, authority.root].map((der) => new X509Certificate(der))
    expect(x!.verify(y!.publicKey) && y!.verify(z!.publicKey) && z!.verify(z!.publicKey)).toBe(true)
    expect(x!.checkIssued(y!) && y!.checkIssued(z!) && !x!.ca && y!.ca).toBe(true)
    expect(x!.checkHost('node-1')).toBe('node-1')
  })

  test('the entry is on the ledger before there is a signature, and names what will be signed', async () => {
    using here = ground()
    const held = heldLedger(here.ledger)
    await using authority = await here.open({ ledger: held })
    const issuing = certify(authority, 'node-1')
    expect(authority.issued()).toEqual([])
    held.release()
    await issuing
    const [issued] = authority.issued()
    expect(bodies(here.ledger.entries)).toEqual(['authority', 'issued'])
    expect(here.ledger.entries[1]).toEqual(issued?.entry)
    expect(authority.entries().map(({ position }) => position)).toEqual([0n, 1n])
  })

  test.each(['', 'Node', 'a_b', 'a..b', '-a', 'a-', 'a.', 'a'.repeat(64), 'ü', 'a b', '*'])(
    'the name %j is refused',
    async (name) => {
      using here = ground()
      await using authority = await here.open()
      const refusal = { code: 'name-malformed' }
      expect(await authority.issue(request(name))).toEqual({ ok: false, refusal })
    },
  )

  test('without possession of the key there is no certificate', async () => {
    using here = ground()
    await using authority = await here.open()
    const refusal = { code: 'possession-not-proved' }
    const other = request('node-1')
    const stolen = { ...other, key: generateSigningKey('ed25519').publicKey }
    expect(await authority.issue(stolen)).toEqual({ ok: false, refusal })
    expect(await authority.issue({ ...other, name: 'node-2' })).toEqual({ ok: false, refusal })
    expect(await authority.issue({ ...other, proof: new Uint8Array(64) })).toEqual({
      ok: false,
      refusal,
    })
    expect(here.ledger.entries).toEqual([])
  })

  test('a key of the wrong length is refused before it is used', async () => {
    using here = ground()
    await using authority = await here.open()
    const key = new Uint8Array(31)
    const asked = await authority.issue({ name: 'node-1', key, proof: new Uint8Array(64) })
    expect(asked).toEqual({ ok: false, refusal: { code: 'key-malformed' } })
  })

  test.each([
    [-1n, 'lifetime-out-of-range'],
    [999n, 'lifetime-out-of-range'],
    [90n * DAY + 1n, 'lifetime-out-of-range'],
  ])('a lifetime of %d ms is refused', async (lifetimeMs, code) => {
    using here = ground()
    await using authority = await here.open()
    expect(await authority.issue({ ...request('node-1'), lifetimeMs })).toMatchObject({
      refusal: { code },
    })
  })

  test('nothing is issued that outlives the intermediate', async () => {
    using here = ground()
    await using authority = await here.open()
    here.clock.at = START + 3_649n * DAY
    expect(await authority.issue(request('node-1'))).toMatchObject({
      refusal: { code: 'outlives-authority' },
    })
  })
})

describe('names and keys', () => {
  test('a name stays with its key, even after the certificate has ended', async () => {
    using here = ground()
    await using authority = await here.open()
    await certify(authority, 'node-1')
    here.clock.at = START + 100n * DAY
    const refusal = { code: 'name-taken' }
    expect(await authority.issue(request('node-1'))).toEqual({ ok: false, refusal })
  })

  test('a revoked name is free for another key', async () => {
    using here = ground()
    await using authority = await here.open()
    const { serial } = await certify(authority, 'node-1')
    await authority.revoke(serial, 'superseded')
    await certify(authority, 'node-1')
  })

  test('two that ask for one name at the same time do not both get it', async () => {
    using here = ground()
    await using authority = await here.open()
    const asked = await Promise.all(
      Array.from({ length: 4 }, () => authority.issue(request('node-1'))),
    )
    expect(asked.filter(({ ok }) => ok)).toHaveLength(1)
    expect(authority.issued()).toHaveLength(1)
  })

  test('asking again gives the same certificate until half its time is over', async () => {
    using here = ground()
    await using authority = await here.open()
    const key = generateSigningKey('ed25519')
    const first = await certify(authority, 'node-1', key)
    here.clock.at = START + 15n * DAY
    expect(await certify(authority, 'node-1', key)).toEqual(first)
    here.clock.at += 1000n
    expect((await certify(authority, 'node-1', key)).serial).not.toBe(first.serial)
  })

  test('asking at the same time gives one certificate', async () => {
    using here = ground()
    await using authority = await here.open()
    const key = generateSigningKey('ed25519')
    const asked = await Promise.all([1, 2, 3].map(() => certify(authority, 'node-1', key)))
    expect(new Set(asked.map(({ serial }) => serial)).size).toBe(1)
  })

  test('a key that was compromised is never certified again', async () => {
    using here = ground()
    await using authority = await here.open()
    const key = generateSigningKey('ed25519')
    await certify(authority, 'node-2', key)
    const { serial } = await certify(authority, 'node-1', key)
    await authority.revoke(serial, 'key-compromise')
    const refusal = { code: 'key-compromised' }
    expect(await authority.issue(request('node-1', key))).toEqual({ ok: false, refusal })
    expect(await authority.issue(request('node-2', key))).toEqual({ ok: false, refusal })
  })

  test('one key holds a limited number of certificates', async () => {
    using here = ground()
    await using authority = await here.open()
    const key = generateSigningKey('ed25519')
    for (let at = 0; at < CERTIFICATES_PER_KEY_MAX; at += 1) await certify(authority, `n${at}`, key)
    const more = request('one-more', key)
    expect(await authority.issue(more)).toMatchObject({
      refusal: { code: 'too-many-certificates' },
    })
    await authority.revoke((await certify(authority, 'n0', key)).serial, 'superseded')
    expect(await authority.issue(more)).toMatchObject({ ok: true })
  })
})

describe('revoking', () => {
  test('takes effect at once, on the ledger and over restarts', async () => {
    using here = ground()
    const authority = await here.open()
    const { chain, serial } = await certify(authority, 'node-1')
    await authority.revoke(serial, 'cessation')
    expect(await verify(chain, authority)).toMatchObject({
      ok: false,
      reasons: [{ code: 'revoked', at: 0 }],
    })
    expect(bodies(here.ledger.entries)).toEqual(['authority', 'issued', 'revoked'])
    await authority[Symbol.asyncDispose]()
    await using again = await here.open()
    expect(again.isRevoked(serial)).toBe(true)
    expect(again.issued()).toMatchObject([{ serial, revoked: { reason: 'cessation', at: START } }])
  })

  test('takes effect here even when the ledger is away, and reaches it later', async () => {
    using here = ground()
    await using authority = await here.open()
    const { serial } = await certify(authority, 'node-1')
    here.ledger.fail('before')
    const revoking = authority.revoke(serial, 'superseded')
    await expect(revoking).rejects.toMatchObject({ code: 'ledger-unavailable' })
    expect(authority.isRevoked(serial)).toBe(true)
    here.ledger.fail(false)
    await authority.revoke(serial, 'superseded')
    expect(bodies(here.ledger.entries)).toEqual(['authority', 'issued', 'revoked'])
  })

  test('the intermediate can be revoked, and only the root says so', async () => {
    using here = ground()
    await using authority = await here.open()
    const { chain } = await certify(authority, 'node-1')
    const reading = readCertificate(authority.intermediate)
    if (!reading.ok) throw new Error('unreadable')
    await authority.revoke(reading.certificate.serial, 'authority-compromise')
    expect(await verify(chain, authority)).toMatchObject({ reasons: [{ code: 'revoked', at: 1 }] })
    expect(await authority.issue(request('node-2'))).toMatchObject({
      refusal: { code: 'authority-revoked' },
    })
    const [introduced, , revoked] = here.ledger.entries.map((entry) => entryCodec.decode(entry))
    if (!introduced?.ok || !revoked?.ok) throw new Error('unreadable')
    expect(revoked.value.by).toEqual(introduced.value.by)
  })

  test('a certificate that is not ours is the caller’s mistake', async () => {
    using here = ground()
    await using authority = await here.open()
    const revoking = authority.revoke('00ff', 'unspecified')
    await expect(revoking).rejects.toMatchObject({ code: 'unknown-serial' })
  })

  test('an intent that is revoked before its signature stays without one', async () => {
    using here = ground()
    const held = heldLedger(here.ledger)
    await using authority = await here.open({ ledger: held })
    const asked = authority.issue(request('node-1'))
    await expect.poll(() => authority.entries().length, { timeout: 10_000 }).toBe(2)
    const decoded = entryCodec.decode(authority.entries()[1]!.entry)
    if (!decoded.ok || decoded.value.body.type !== 'issued') throw new Error('unreadable')
    const revoking = authority.revoke(decoded.value.body.serial, 'superseded')
    held.release()
    await revoking
    expect(await asked).toEqual({ ok: false, refusal: { code: 'revoked' } })
    expect(authority.issued()).toEqual([])
  })
})

describe('opening', () => {
  test('a second time gives the same authority', async () => {
    using here = ground()
    const first = await here.open()
    const { chain } = await certify(first, 'node-1')
    await first[Symbol.asyncDispose]()
    await using again = await here.open()
    expect([again.root, again.intermediate]).toEqual([first.root, first.intermediate])
    expect(again.issued().map(({ certificate }) => certificate)).toEqual([chain[0]])
    expect((await verify(chain, again)).ok).toBe(true)
  })

  test('a lost store is not replaced by a new authority', async () => {
    using here = ground()
    await (await here.open())[Symbol.asyncDispose]()
    const file = `${here.path}/other.db`
    await expect(here.open({ file })).rejects.toMatchObject({ code: 'store-missing' })
    expect(existsSync(file)).toBe(false)
    writeFileSync(file, '')
    await expect(here.open({ file })).rejects.toMatchObject({ code: 'store-missing' })
  })

  test('keys that were lost, or are another’s, are an error', async () => {
    using here = ground()
    using there = ground()
    await (await here.open())[Symbol.asyncDispose]()
    await (await there.open())[Symbol.asyncDispose]()
    await expect(here.open({ keys: memoryKeys() })).rejects.toMatchObject({ code: 'key-missing' })
    await expect(here.open({ keys: there.keys })).rejects.toMatchObject({ code: 'key-mismatch' })
  })

  test('keys that remember another root are an error', async () => {
    using here = ground()
    await (await here.open())[Symbol.asyncDispose]()
    await here.keys.save('flights-founded', new Uint8Array(32))
    await expect(here.open()).rejects.toMatchObject({ code: 'key-mismatch' })
  })

  test('a key that is not the certificate’s is an error', async () => {
    using here = ground()
    await (await here.open())[Symbol.asyncDispose]()
    await here.keys.save('flights-intermediate', new Uint8Array(32))
    await expect(here.open()).rejects.toMatchObject({ code: 'key-mismatch' })
    await here.keys.save('flights-intermediate', new Uint8Array(31))
    await expect(here.open()).rejects.toMatchObject({ code: 'key-damaged' })
  })

  test('the store of another mesh is an error, and so is a mesh without a proper name', async () => {
    using here = ground()
    await (await here.open())[Symbol.asyncDispose]()
    const keys = memoryKeys()
    await expect(here.open({ mesh: 'trains', keys })).rejects.toMatchObject({ code: 'other-mesh' })
    await expect(here.open({ mesh: 'No Name' })).rejects.toMatchObject({ code: 'mesh-name' })
    await expect(here.open({ mesh: 'a'.repeat(49) })).rejects.toMatchObject({ code: 'mesh-name' })
  })

  test('a time that no certificate can say is an error', async () => {
    using here = ground()
    here.clock.at = 253_402_300_799_999n
    await expect(here.open()).rejects.toMatchObject({ code: 'time-out-of-range' })
  })

  test('two at a time on one store is an error', async () => {
    using here = ground()
    await using _ = await here.open()
    await expect(here.open()).rejects.toMatchObject({ code: 'store-in-use' })
  })

  test('a closed authority does nothing', async () => {
    using here = ground()
    const authority = await here.open()
    await authority[Symbol.asyncDispose]()
    await authority[Symbol.asyncDispose]()
    await expect(authority.issue(request('node-1'))).rejects.toMatchObject({ code: 'closed' })
    await expect(authority.setLedger(here.ledger)).rejects.toMatchObject({ code: 'closed' })
    expect(() => authority.issued()).toThrow(expect.objectContaining({ code: 'closed' }))
  })

  test('closing while the ledger works leaves an intent that the next opening completes', async () => {
    using here = ground()
    const held = heldLedger(here.ledger)
    const authority = await here.open({ ledger: held })
    const key = generateSigningKey('ed25519')
    const asked = expect(authority.issue(request('node-1', key))).rejects.toMatchObject({
      code: 'closed',
    })
    await expect.poll(() => authority.entries().length, { timeout: 10_000 }).toBe(2)
    await authority[Symbol.asyncDispose]()
    held.release()
    await asked
    await using again = await here.open()
    expect(await again.settle()).toEqual({ completed: 2, voided: 0, waiting: 0 })
    expect(again.issued()).toMatchObject([{ name: 'node-1', key: key.publicKey }])
  })
})

describe('a damaged store', () => {
  test.each([
    [
      'not a database',
      (file: string) => writeFileSync(file, 'not a database, just text'.repeat(99)),
    ],
    [
      'a changed entry',
      // The last byte belongs to the signature: the entry can be read all the same.
      (file: string) =>
        change(
          file,
          "UPDATE journal SET entry = CAST(substr(entry, 1, length(entry) - 1) || x'ff' AS BLOB)",
        ),
    ],
    [
      'a changed certificate',
      (file: string) =>
        change(
          file,
          'UPDATE journal SET der = (SELECT entry FROM journal WHERE n = 1) WHERE n = 2',
        ),
    ],
    ['a lost certificate', (file: string) => change(file, 'UPDATE journal SET der = NULL')],
    ['a lost beginning', (file: string) => change(file, 'DELETE FROM journal WHERE n = 1')],
    [
      'overwritten pages',
      (file: string) => {
        const bytes = readFileSync(file)
        bytes.fill(0xa5, 4096, 16_384)
        writeFileSync(file, bytes)
      },
    ],
  ])('%s is noticed when it is opened, and nothing is made up for it', async (_, damage) => {
    using here = ground()
    const authority = await here.open()
    await certify(authority, 'node-1')
    await authority[Symbol.asyncDispose]()
    damage(here.file)
    await expect(here.open()).rejects.toMatchObject({ code: 'store-damaged' })
  })

  test('a folder that is not there is said so', async () => {
    using here = ground()
    await expect(here.open({ file: `${here.path}/no/such/a.db` })).rejects.toMatchObject({
      code: 'store-unwritable',
    })
  })

  test('requestBytes is pinned', () => {
    expect(toHex(requestBytes('n', new Uint8Array(32).fill(65)))).toBe(
      '83781d68797065726d6573682f63657274696669636174652d7265717565737401' +
        `a2636b65795820${'41'.repeat(32)}646e616d65616e`,
    )
  })
})

function change(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec('PRAGMA foreign_keys = OFF')
  database.exec(sql)
  database.close()
}
