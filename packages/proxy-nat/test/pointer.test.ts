import { fromHex, toHex } from '@hypermesh/crypto'
import { formatPointer, parsePointer, referenceCodec, REGION_MAX } from '@hypermesh/proxy-nat'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asset } from './world.ts'

const NAME = 'hm1l4u7np6szd909dy3mggap284nqz94hyp'
const TEXT = `${NAME}#3@0x1000+4096`
const pointer = { address: asset, region: 3, offset: 4096, length: 4096 }

test('a pointer has a text that people can copy', () => {
  expect(formatPointer(pointer)).toBe(TEXT)
  expect(parsePointer(TEXT)).toEqual(pointer)
})

test('every pointer reads back as itself', () => {
  const count = fc.maxSafeNat()
  const pointers = fc.record({ region: fc.nat(REGION_MAX), offset: count, length: count })
  fc.assert(
    fc.property(pointers, (place) => {
      const whole = { address: asset, ...place }
      expect(parsePointer(formatPointer(whole))).toEqual(whole)
    }),
  )
})

test.each([
  `${NAME}#3@0x1000`,
  `${NAME}#03@0x1000+4096`,
  `${NAME}#4294967296@0x0+1`,
  `${NAME}#3@4096+4096`,
  `${NAME}#3@0x01000+4096`,
  `${NAME}#3@0x20000000000000+1`,
  `${NAME}#3@0x0+9007199254740992`,
  `${NAME}#3@0x1000+-1`,
  `${NAME.toUpperCase()}#3@0x1000+4096`,
  `${NAME.slice(0, -1)}q#3@0x1000+4096`,
  `fd00::1#3@0x1000+4096`,
  `${TEXT} `,
  `${TEXT}\n`,
])('%j is no pointer', (text) => {
  expect(parsePointer(text)).toBeUndefined()
})

test.each([
  { ...pointer, region: -1 },
  { ...pointer, region: REGION_MAX + 1 },
  { ...pointer, offset: 0.5 },
  { ...pointer, length: 2 ** 53 },
])('a place that is none has no text', (wrong) => {
  expect(() => formatPointer(wrong)).toThrow(expect.objectContaining({ code: 'out-of-range' }))
})

test('a reference carries capability and pointer in known bytes', () => {
  const reference = { capability: Uint8Array.of(1, 2, 3), pointer }
  const bytes = referenceCodec.encode(reference)
  expect(toHex(bytes)).toBe(
    '837368797065726d6573682f7265666572656e636501a267706f696e746572a4666c656e677468191000666f6666736574' +
      '19100066726567696f6e03676164647265737350fd79e98750134af2b491da11d0a8f5986a6361706162696c69747943010203',
  )
  expect(referenceCodec.decode(bytes)).toEqual({ ok: true, value: reference })
  expect(referenceCodec.decode(fromHex('80')).ok).toBe(false)
})
