import { readCertificate, revocations, verifyChain } from '@hypermesh/trustchain'
import { describe, expect, test } from 'vitest'
import { forgeChain, usage, cRLSign, constraints, NOW, pair } from './forge.ts'
import { DAY, START, certify, ground } from './mesh.ts'

describe('a root that vouches for another', () => {
  test('lets its nodes trust the other’s, through one more certificate', async () => {
    using left = ground()
    using right = ground()
    await using a = await left.open()
    await using b = await right.open()
    const crossed = await a.crossCertify(b.root)
    if (!crossed.ok) throw new Error(crossed.refusal.code)
    const { chain } = await certify(b, 'node-b')
    const ask = (bytes: readonly Uint8Array[], anchor: Uint8Array) =>
      verifyChain({ chain: bytes, anchors: [anchor], now: START, isRevoked: () => false })
    expect(await ask(chain, a.root)).toMatchObject({ reasons: [{ code: 'unknown-anchor' }] })
    const longer = [...chain, crossed.certificate]
    expect(await ask(longer, a.root)).toMatchObject({ ok: true, name: 'node-b', root: a.root })
    // The same chain serves those who trust b itself.
    expect(await ask(longer, b.root)).toMatchObject({ ok: true, root: b.root })
  })

  test('gives no more reach and no more time than the other root has', async () => {
    using left = ground()
    using right = ground()
    right.clock.at = START - 4_000n * DAY
    await using b = await right.open()
    await using a = await left.open()
    const crossed = await a.crossCertify(b.root)
    const [cross, other] = [crossed.ok ? crossed.certificate : new Uint8Array(), b.root].map(
      (der) => {
        const reading = readCertificate(der)
        if (!reading.ok) throw new Error(reading.refusal.detail)
        return reading.certificate
      },
    )
    expect(cross?.notAfter).toBe(other?.notAfter)
    expect(cross?.subject).toEqual(other?.subject)
    expect(cross?.key).toEqual(other?.key)
    expect([other?.authority, cross?.authority]).toEqual([{ below: 2 }, { below: 1 }])
  })

  test('does not reach a third root', async () => {
    using one = ground()
    using two = ground()
    using three = ground()
    await using a = await one.open()
    await using b = await two.open()
    await using c = await three.open()
    const [ab, bc] = [await a.crossCertify(b.root), await b.crossCertify(c.root)]
    if (!ab.ok || !bc.ok) throw new Error('not certified')
    const { chain } = await certify(c, 'node-c')
    const long = [...chain, bc.certificate, ab.certificate]
    const verdict = await verifyChain({
      chain: long,
      anchors: [a.root],
      now: START,
      isRevoked: () => false,
    })
    expect(verdict).toMatchObject({
      reasons: [
        { code: 'path-too-long', at: 3 },
        { code: 'path-too-long', at: 4 },
      ],
    })
  })

  test('can take it back', async () => {
    using left = ground()
    using right = ground()
    await using a = await left.open()
    await using b = await right.open()
    const crossed = await a.crossCertify(b.root)
    if (!crossed.ok) throw new Error('not certified')
    const { chain } = await certify(b, 'node-b')
    await a.revoke(crossed.serial, 'authority-compromise')
    const seen = revocations(left.ledger.entries)
    const verdict = await verifyChain({
      chain: [...chain, crossed.certificate],
      anchors: [a.root],
      now: START,
      isRevoked: (serial, issuer) => seen.isRevoked(serial, issuer),
    })
    expect(verdict).toMatchObject({ reasons: [{ code: 'revoked', at: 2 }] })
    const again = await a.crossCertify(b.root)
    expect(again.ok && again.serial).not.toBe(crossed.serial)
  })

  test('says the same when asked again, also after a restart', async () => {
    using left = ground()
    using right = ground()
    const a = await left.open()
    await using b = await right.open()
    const crossed = await a.crossCertify(b.root)
    expect(await a.crossCertify(b.root)).toEqual(crossed)
    await a[Symbol.asyncDispose]()
    await using again = await left.open()
    expect(await again.crossCertify(b.root)).toEqual(crossed)
    expect(left.ledger.entries).toHaveLength(2)
  })

  test('refuses itself, what is no root, and what is no certificate', async () => {
    using left = ground()
    left.clock.at = NOW
    await using a = await left.open()
    const codeOf = async (der: Uint8Array) => {
      const crossed = await a.crossCertify(der)
      return crossed.ok ? 'ok' : crossed.refusal.code
    }
    const root = async (changes: Parameters<typeof forgeChain>[0]) => (await forgeChain(changes))[2]
    const [leaf, intermediate] = await forgeChain()
    expect(await codeOf(await root({}))).toBe('ok')
    expect(await codeOf(a.root)).toBe('own-root')
    expect(await codeOf(leaf)).toBe('not-a-root')
    expect(await codeOf(intermediate)).toBe('not-a-root')
    expect(await codeOf(new Uint8Array(9))).toBe('malformed')
    const other = await pair('other', 'ML-DSA-65')
    expect(await codeOf(await root({ root: { signer: other } }))).toBe('not-a-root')
    const noAuthority = { constraints: constraints(false) }
    expect(await codeOf(await root({ root: { extensions: noAuthority } }))).toBe('not-a-root')
    const noUsage = { usage: usage(cRLSign) }
    expect(await codeOf(await root({ root: { extensions: noUsage } }))).toBe('not-a-root')
    expect(await codeOf(await root({ root: { until: NOW - 1000n } }))).toBe('not-valid-now')
  })
})
