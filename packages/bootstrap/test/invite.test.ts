import { chainOf, inviteCodec, validatorsOf } from '@hypermesh/bootstrap'
import type { Invite } from '@hypermesh/bootstrap'
import { sha256, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const member = (seed: number, name: string): Invite['members'][number] => ({
  name,
  key: new Uint8Array(32).fill(seed),
  falcon: new Uint8Array(1793).fill(seed),
  host: '::1',
  port: 4000 + seed,
  stake: 1n,
})

const invite: Invite = {
  mesh: 'test',
  root: new Uint8Array(32).fill(9),
  founder: 0,
  members: [member(1, 'ada'), member(2, 'bob')],
}

test('an invite reads back as it was', () => {
  expect(inviteCodec.decode(inviteCodec.encode(invite))).toEqual({ ok: true, value: invite })
})

test('an invite has this form for ever', () => {
  expect(toHex(sha256(inviteCodec.encode(invite)))).toBe(
    '7e86913fd1d8efc472630993aef30ee8bd3ae6942f8ada3ee53a5d39b964db63',
  )
  expect(toHex(chainOf(invite))).toBe(
    'd86fec6e62bbae92c653eb31a496dfad53cc325ce7e4f1606e389c03d8c7109b',
  )
})

test('the ledger has another name when anything in the invite differs', () => {
  const names = [
    invite,
    { ...invite, mesh: 'other' },
    { ...invite, root: new Uint8Array(32) },
    { ...invite, founder: 1 },
    { ...invite, members: invite.members.toReversed() },
  ].map((each) => toHex(chainOf(each)))
  expect(new Set(names).size).toBe(names.length)
})

test('the members vote in the order of the invite', () => {
  expect(validatorsOf(invite)).toEqual(invite.members.map(({ key, stake }) => ({ key, stake })))
})

test('no bytes crash the reader, and none but the invite read as the invite', () => {
  const whole = inviteCodec.encode(invite)
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = whole.slice()
      bytes[at] = (bytes[at] ?? 0) ^ flip
      const decoded = inviteCodec.decode(bytes)
      return !decoded.ok || toHex(inviteCodec.encode(decoded.value)) === toHex(bytes)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !inviteCodec.decode(bytes).ok),
  )
  for (let length = 0; length < whole.length; length += 97) {
    expect(inviteCodec.decode(whole.subarray(0, length)).ok).toBe(false)
  }
  expect(inviteCodec.decode(new Uint8Array(1 << 20))).toEqual({
    ok: false,
    refusal: { code: 'too-long' },
  })
})
