import type { ReceiptBody } from '@hypermesh/catalog-vm'
import { programHash, RECEIPT_SIZE_MAX, receiptCodec, verifyReceipt } from '@hypermesh/catalog-vm'
import { field, fromHex, record, signingKeyFromSeed, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const executor = signingKeyFromSeed('ed25519', new Uint8Array(32).fill(7))

// Written out again here, so that a change of the signed format shows.
const body = record('catalog-vm/receipt-body', 1, 1024, {
  job: field.bytes({ max: 64 }),
  program: field.bytes({ length: 32 }),
  input: field.bytes({ length: 32 }),
  output: field.bytes({ length: 32 }),
  executor: field.bytes({ length: 32 }),
  isolation: field.text({ max: 16 }),
  engine: field.text({ max: 128 }),
  usage: field.record({
    wallMs: field.count({ max: Number.MAX_SAFE_INTEGER }),
    cpuMs: field.optional(field.count({ max: Number.MAX_SAFE_INTEGER })),
    memoryPeakBytes: field.optional(field.count({ max: Number.MAX_SAFE_INTEGER })),
  }),
  startedAt: field.uint(),
  endedAt: field.uint(),
  lease: field.bytes({ max: 64 }),
})

const content: ReceiptBody = {
  job: new Uint8Array([1, 2, 3]),
  program: programHash({ language: 'javascript', source: 'function main(input) { return input }' }),
  input: new Uint8Array(32).fill(1),
  output: new Uint8Array(32).fill(2),
  executor: executor.publicKey,
  isolation: 'kernel',
  engine: 'bubblewrap node 24.21.0',
  usage: { wallMs: 41, cpuMs: 39, memoryPeakBytes: 24_000_000 },
  startedAt: 1_000n,
  endedAt: 1_041n,
  lease: new Uint8Array(32).fill(3),
}

function signed(changes: Partial<ReceiptBody> = {}): Uint8Array {
  const changed = { ...content, ...changes }
  return receiptCodec.encode({ ...changed, signature: executor.sign(body.encode(changed)) })
}

const GOLDEN = [
  '8372636174616c6f672d766d2f7265636569707401ac636a6f624301020365696e7075745820010101010101',
  '0101010101010101010101010101010101010101010101010101656c65617365582003030303030303030303',
  '03030303030303030303030303030303030303030303657573616765a3656370754d7318276677616c6c4d73',
  '18296f6d656d6f72795065616b42797465731a016e360066656e67696e6577627562626c6577726170206e6f',
  '64652032342e32312e30666f7574707574582002020202020202020202020202020202020202020202020202',
  '0202020202020267656e64656441741904116770726f6772616d5820eac9016f7947c70888e697803da1880c',
  'c3b0737d29fbba9d7070b33b9ed268c7686578656375746f725820ea4a6c63e29c520abef5507b132ec5f995',
  '4776aebebe7b92421eea691446d22c6969736f6c6174696f6e666b65726e656c697369676e61747572655840',
  'a9a5cd171b0f9e7e9d1f99a52e80a7127561cb877f676cd880c113c91e9673ed17a074fe39bed27b2c33a6da',
  'f277fe4992278df1a3119df5fcabd53622ab840e697374617274656441741903e8',
].join('')

test('the bytes of a receipt are pinned', () => {
  expect(toHex(signed())).toBe(GOLDEN)
  const verified = verifyReceipt(fromHex(GOLDEN))
  expect(verified.ok && verified.receipt).toEqual({
    ...content,
    signature: executor.sign(body.encode(content)),
  })
})

test('what a host cannot measure is absent from the receipt', () => {
  const verified = verifyReceipt(signed({ usage: { wallMs: 1 } }))
  expect(verified.ok && verified.receipt.usage).toEqual({ wallMs: 1 })
})

test.each([
  { changes: { isolation: 'none' }, code: 'unknown-isolation' },
  { changes: { endedAt: 999n }, code: 'times-reversed' },
  { changes: { executor: new Uint8Array(32).fill(9) }, code: 'wrong-signature' },
])('a receipt with $changes is refused: $code', ({ changes, code }) => {
  const verified = verifyReceipt(signed(changes))
  expect(verified.ok ? 'ok' : verified.refusal.code).toBe(code)
})

test('a receipt does not hold for any other content', () => {
  const decoded = receiptCodec.decode(signed())
  if (!decoded.ok) throw new Error(decoded.refusal.code)
  for (const changes of [
    { output: new Uint8Array(32) },
    { input: new Uint8Array(32) },
    { program: new Uint8Array(32) },
    { isolation: 'isolate' },
    { engine: 'another' },
    { usage: { wallMs: 1 } },
    { job: new Uint8Array(1) },
    { lease: new Uint8Array(1) },
    { startedAt: 1n },
    { endedAt: 2_000n },
  ]) {
    const verified = verifyReceipt(receiptCodec.encode({ ...decoded.value, ...changes }))
    expect(verified.ok ? changes : verified.refusal.code).toBe('wrong-signature')
  }
})

test('bytes with one bit flipped, cut short or made longer are no receipt', () => {
  const bytes = signed()
  const bit = fc.nat({ max: bytes.length * 8 - 1 })
  fc.assert(
    fc.property(bit, (at) => {
      const index = at >> 3
      const flipped = bytes.with(index, (bytes[index] ?? 0) ^ (1 << (at & 7)))
      expect(verifyReceipt(flipped).ok).toBe(false)
    }),
  )
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), (length) => {
      expect(verifyReceipt(bytes.subarray(0, length)).ok).toBe(false)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 64 }), (more) => {
      expect(verifyReceipt(new Uint8Array([...bytes, ...more])).ok).toBe(false)
    }),
  )
})

test('random bytes are no receipt, and too many are not even read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2 * RECEIPT_SIZE_MAX }), (bytes) => {
      const verified = verifyReceipt(bytes)
      expect(verified.ok ? 'ok' : verified.refusal.code).toBe('malformed')
    }),
  )
})

test('a program is known by its language and its source', () => {
  const hash = toHex(programHash({ language: 'javascript', source: '1' }))
  expect(hash).toBe('fde9e3728eafde9498c544d686ae83b4cc1df6e8a5340bcddeef604ea4f751e4')
  expect(toHex(programHash({ language: 'python', source: '1' }))).not.toBe(hash)
  expect(toHex(programHash({ language: 'javascript', source: '2' }))).not.toBe(hash)
  const tooLong = { language: 'python', source: ' '.repeat(2 ** 20 + 1) } as const
  expect(() => programHash(tooLong)).toThrow(expect.objectContaining({ code: 'bad-program' }))
})
