import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AssetOperation } from '@hypermesh/assets'
import {
  assetId,
  assetOperationCodec,
  LEASE_MS_MAX,
  PROOF_SIZE_MAX,
  signAssetOperation,
  verifyAssetOperation,
} from '@hypermesh/assets'
import { generateSigningKey, signingKeyFromSeed, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const key = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(7))
const owner = key.publicKey
const holder = new Uint8Array(32).fill(9)
const id = new Uint8Array(32).fill(3)

const register: AssetOperation = {
  type: 'register',
  asset: {
    id: assetId(owner, 'memory', 'memory-0'),
    kind: 'memory',
    name: 'memory-0',
    owner,
    capacity: 1_024n,
    privacy: 'private-network',
    generation: 5n,
    attributes: [{ name: 'share', value: '0 of 4' }],
  },
  proof: Uint8Array.of(1, 2, 3),
  at: 6n,
}
const lease: AssetOperation = {
  type: 'lease',
  id,
  owner,
  holder,
  cpu: 500n,
  memory: 64n,
  storage: 0n,
  privacy: 'p2p',
  at: 10n,
  until: 20n,
}
const release: AssetOperation = { type: 'release', id, owner, cause: 'reclaimed', at: 15n }

// Signatures of Ed25519 are deterministic (RFC 8032), so these pin every byte that goes to a ledger.
const vectors: unknown = JSON.parse(
  readFileSync(join(import.meta.dirname, 'vectors/operations.json'), 'utf8'),
)

describe.each([{ operation: register }, { operation: lease }, { operation: release }])(
  'the operation $operation.type',
  ({ operation }) => {
    const signed = signAssetOperation(key, operation)

    test('is these bytes and no others', () => {
      expect(vectors).toHaveProperty(operation.type, toHex(signed))
    })

    test('is read back as it was', () => {
      expect(verifyAssetOperation(signed)).toEqual({ ok: true, operation })
      const bytes = assetOperationCodec.encode(operation)
      expect(assetOperationCodec.decode(bytes)).toEqual({ ok: true, value: operation })
    })

    test('is refused with any one bit of it changed', () => {
      for (let bit = 0; bit < signed.length * 8; bit += 1) {
        const forged = signed.slice()
        const place = bit >> 3
        forged[place] = (forged[place] ?? 0) ^ (1 << (bit & 7))
        expect(verifyAssetOperation(forged).ok).toBe(false)
      }
    })

    test('is refused when cut or when something follows it', () => {
      for (let length = 0; length < signed.length; length += 1) {
        expect(verifyAssetOperation(signed.subarray(0, length)).ok).toBe(false)
      }
      expect(verifyAssetOperation(Uint8Array.of(...signed, 0)).ok).toBe(false)
    })

    test("is refused under another's signature", () => {
      const stranger = generateSigningKey('ed25519')
      expect(verifyAssetOperation(signAssetOperation(stranger, operation))).toEqual({
        ok: false,
        refusal: { code: 'forged' },
      })
    })
  },
)

test('whatever bytes come, the answer is a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), (bytes) => {
      const answer = verifyAssetOperation(bytes)
      expect(answer.ok).toBe(false)
      expect(assetOperationCodec.decode(bytes).ok).toBe(false)
    }),
  )
})

test('bytes beyond the size are refused unread', () => {
  expect(verifyAssetOperation(new Uint8Array(2 ** 24))).toEqual({
    ok: false,
    refusal: { code: 'too-long' },
  })
})

test("an asset under another owner's or name's id is refused", () => {
  const stranger = generateSigningKey('ed25519').publicKey
  const ids = [
    assetId(stranger, 'memory', 'memory-0'),
    assetId(owner, 'cpu', 'memory-0'),
    assetId(owner, 'memory', 'memory-1'),
  ]
  for (const wrong of ids) {
    const operation = { ...register, asset: { ...register.asset, id: wrong } }
    expect(verifyAssetOperation(signAssetOperation(key, operation))).toEqual({
      ok: false,
      refusal: { code: 'wrong-id' },
    })
  }
})

test.each([
  {
    what: 'an asset of nothing',
    operation: { ...register, asset: { ...register.asset, capacity: 0n } },
  },
  { what: 'a lease that ends before it begins', operation: { ...lease, until: 10n } },
  { what: 'a lease without end', operation: { ...lease, until: 11n + LEASE_MS_MAX } },
  { what: 'a lease of nothing', operation: { ...lease, cpu: 0n, memory: 0n } },
])('$what is refused as meaningless', ({ operation }) => {
  expect(verifyAssetOperation(signAssetOperation(key, operation))).toMatchObject({
    ok: false,
    refusal: { code: 'meaningless' },
  })
})

test('what does not fit is never signed', () => {
  const proof = new Uint8Array(PROOF_SIZE_MAX + 1)
  expect(() => signAssetOperation(key, { ...register, proof })).toThrow(
    expect.objectContaining({ name: 'CryptoError', code: 'bad-value' }),
  )
})
