import {
  finalizedCodec,
  headerCodec,
  headerHash,
  quorumOf,
  faultsOf,
  stakeLeaf,
  stakeRoot,
  statementBytes,
  verifyFinalized,
  verifyPath,
} from '@hypermesh/consensus'
import type { Finalized, Header, VoteKind } from '@hypermesh/consensus'
import { toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { CHAIN, KEYS, VALIDATORS } from './mesh.ts'

const HEADER: Header = {
  chainId: CHAIN,
  height: 7n,
  epoch: 0n,
  view: 9n,
  parent: new Uint8Array(32).fill(1),
  timestamp: 1_780_000_000_000n,
  operationsRoot: new Uint8Array(32).fill(2),
  stateRoot: new Uint8Array(32).fill(3),
  stakeRoot: stakeRoot(VALIDATORS),
}

interface Signing {
  readonly signers?: readonly number[]
  readonly kind?: VoteKind
  readonly chain?: Uint8Array
  readonly signed?: Partial<{ epoch: bigint; view: bigint; hash: Uint8Array }>
}

function certify(
  header: Header,
  { signers = [0, 1, 2], kind = 'finalize', chain = CHAIN, signed = {} }: Signing = {},
): Finalized {
  const { epoch, view } = header
  const message = statementBytes(chain, { kind, epoch, view, hash: headerHash(header), ...signed })
  const signatures = signers.map((validator) => ({
    validator,
    signature: KEYS[validator]!.sign(message),
  }))
  return { header, certificate: { signatures }, descendants: [] }
}

function child(parent: Header, change: Partial<Header> = {}): Header {
  const { height, view } = parent
  return { ...HEADER, height: height + 1n, view: view + 2n, parent: headerHash(parent), ...change }
}

test.each([
  { validators: 1, quorum: 1, faults: 0 },
  { validators: 3, quorum: 3, faults: 0 },
  { validators: 4, quorum: 3, faults: 1 },
  { validators: 6, quorum: 5, faults: 1 },
  { validators: 7, quorum: 5, faults: 2 },
  { validators: 100, quorum: 67, faults: 33 },
])(
  'of $validators validators $quorum decide and $faults may lie',
  ({ validators, quorum, faults }) => {
    expect(quorumOf(validators)).toBe(quorum)
    expect(faultsOf(validators)).toBe(faults)
    // Two quorums share more than may lie.
    expect(2 * quorum - validators).toBeGreaterThan(faults)
  },
)

test.each([
  { name: 'a quorum', finalized: certify(HEADER), isFinal: true },
  { name: 'another quorum', finalized: certify(HEADER, { signers: [0, 2, 3] }), isFinal: true },
  { name: 'all', finalized: certify(HEADER, { signers: [0, 1, 2, 3] }), isFinal: true },
  { name: 'one too few', finalized: certify(HEADER, { signers: [0, 1] }), isFinal: false },
  { name: 'one counted twice', finalized: certify(HEADER, { signers: [0, 1, 1] }), isFinal: false },
  {
    name: 'votes out of order',
    finalized: certify(HEADER, { signers: [1, 0, 2] }),
    isFinal: false,
  },
  { name: 'notarize votes', finalized: certify(HEADER, { kind: 'notarize' }), isFinal: false },
  {
    name: 'votes of another chain',
    finalized: certify(HEADER, { chain: new Uint8Array(32) }),
    isFinal: false,
  },
  {
    name: 'votes of another epoch',
    finalized: certify(HEADER, { signed: { epoch: 1n } }),
    isFinal: false,
  },
  {
    name: 'votes of another view',
    finalized: certify(HEADER, { signed: { view: 8n } }),
    isFinal: false,
  },
  {
    name: 'votes for another block',
    finalized: certify(HEADER, { signed: { hash: new Uint8Array(32) } }),
    isFinal: false,
  },
])('a header signed by $name is final: $isFinal', ({ finalized, isFinal }) => {
  expect(verifyFinalized(finalized, VALIDATORS, CHAIN)).toBe(isFinal)
})

test('a header is final only on its chain and under its validators', () => {
  const finalized = certify(HEADER)
  const others = VALIDATORS.map((validator) => ({ ...validator, stake: 5n }))
  expect(verifyFinalized(finalized, VALIDATORS, new Uint8Array(32))).toBe(false)
  expect(verifyFinalized(finalized, VALIDATORS.slice(0, 3), CHAIN)).toBe(false)
  // The same keys with other stakes are another list: the header's stakeRoot says so.
  expect(verifyFinalized(finalized, others, CHAIN)).toBe(false)
  expect(
    verifyFinalized(certify({ ...HEADER, chainId: new Uint8Array(32) }), VALIDATORS, CHAIN),
  ).toBe(false)
})

test('a header is final through a chain of others, when each stands on the one before', () => {
  const first = child(HEADER)
  const second = child(first)
  const { certificate } = certify(second)
  const verify = (descendants: readonly Header[], header = HEADER): boolean =>
    verifyFinalized({ header, certificate, descendants }, VALIDATORS, CHAIN)
  expect(verify([first, second])).toBe(true)
  expect(verify([second])).toBe(false)
  expect(verify([first])).toBe(false)
  expect(verify([second, first])).toBe(false)
  expect(verify([first, second], { ...HEADER, timestamp: 1n })).toBe(false)
  for (const change of [
    { chainId: new Uint8Array(32) },
    { epoch: 1n },
    { view: HEADER.view },
    { stakeRoot: new Uint8Array(32) },
    { height: HEADER.height },
  ]) {
    const odd = child(HEADER, change)
    const { certificate } = certify(odd)
    const finalized = { header: HEADER, certificate, descendants: [odd] }
    expect(verifyFinalized(finalized, VALIDATORS, CHAIN)).toBe(false)
  }
})

test('anything final with any bit changed is refused or not final', () => {
  const next = child(HEADER)
  const encoded = finalizedCodec.encode({ ...certify(next), header: HEADER, descendants: [next] })
  const decoded = finalizedCodec.decode(encoded)
  expect(decoded.ok && verifyFinalized(decoded.value, VALIDATORS, CHAIN)).toBe(true)
  fc.assert(
    fc.property(fc.nat({ max: encoded.length * 8 - 1 }), (bit) => {
      const changed = encoded.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const decoded = finalizedCodec.decode(changed)
      expect(decoded.ok && verifyFinalized(decoded.value, VALIDATORS, CHAIN)).toBe(false)
    }),
    { numRuns: 500 },
  )
})

test('anything final cut short, or followed by more, is refused', () => {
  const encoded = finalizedCodec.encode(certify(HEADER))
  for (let length = 0; length < encoded.length; length++) {
    expect(finalizedCodec.decode(encoded.subarray(0, length)).ok).toBe(false)
  }
  expect(finalizedCodec.decode(Uint8Array.of(...encoded, 0)).ok).toBe(false)
  expect(finalizedCodec.decode(new Uint8Array(600_000))).toMatchObject({
    refusal: { code: 'too-long' },
  })
})

test('any header comes back from its encoding, and differs in its hash from every other', () => {
  const uint = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const header = fc.record<Header>({
    chainId: hash,
    height: uint,
    epoch: uint,
    view: uint,
    parent: hash,
    timestamp: uint,
    operationsRoot: hash,
    stateRoot: hash,
    stakeRoot: hash,
  })
  fc.assert(
    fc.property(header, header, (one, other) => {
      expect(headerCodec.decode(headerCodec.encode(one))).toEqual({ ok: true, value: one })
      expect(toHex(headerHash(one)) === toHex(headerHash(other))).toBe(
        toHex(headerCodec.encode(one)) === toHex(headerCodec.encode(other)),
      )
    }),
  )
})

test("a validator's leaf leads to the stake root", async () => {
  const { createTree } = await import('@hypermesh/consensus')
  const tree = createTree(VALIDATORS.map((validator, index) => stakeLeaf(index, validator)))
  const leaf = stakeLeaf(2, VALIDATORS[2]!)
  expect(verifyPath(stakeRoot(VALIDATORS), 4, { index: 2, leaf, path: tree.path(2) })).toBe(true)
})

test('the bytes of headers and votes stay what they are', () => {
  expect(toHex(headerCodec.encode(HEADER))).toMatchInlineSnapshot(
    `"837068797065726d6573682f68656164657201a96476696577096565706f636800666865696768740766706172656e745820010101010101010101010101010101010101010101010101010101010101010167636861696e496458207467cc931220643077836bed14b2c18fe893b892a4faf725991269b8eef1b294697374616b65526f6f7458201ceb0a93aaff826ec0731a4946d1307b6c369daafe2c49becbcf9c0d93940899697374617465526f6f74582003030303030303030303030303030303030303030303030303030303030303036974696d657374616d701b0000019e704488006e6f7065726174696f6e73526f6f7458200202020202020202020202020202020202020202020202020202020202020202"`,
  )
  expect(toHex(headerHash(HEADER))).toMatchInlineSnapshot(
    `"1aa70fab533e90338fc8cbb0e1bb2e8dd9bcae24c8c08e5793424309a42b3d34"`,
  )
  expect(toHex(HEADER.stakeRoot)).toMatchInlineSnapshot(
    `"1ceb0a93aaff826ec0731a4946d1307b6c369daafe2c49becbcf9c0d93940899"`,
  )
  const statement = {
    kind: 'finalize',
    epoch: 1n,
    view: 0x0102_0304n,
    hash: new Uint8Array(32).fill(0xab),
  } as const
  expect(toHex(statementBytes(CHAIN, statement))).toMatchInlineSnapshot(
    `"68797065726d6573682f766f74652f317467cc931220643077836bed14b2c18fe893b892a4faf725991269b8eef1b2940000000000000001000000000102030403abababababababababababababababababababababababababababababababab"`,
  )
  expect(toHex(finalizedCodec.encode(certify(HEADER)))).toMatchInlineSnapshot(
    `"837368797065726d6573682f66696e616c697a656401a366686561646572a96476696577096565706f636800666865696768740766706172656e745820010101010101010101010101010101010101010101010101010101010101010167636861696e496458207467cc931220643077836bed14b2c18fe893b892a4faf725991269b8eef1b294697374616b65526f6f7458201ceb0a93aaff826ec0731a4946d1307b6c369daafe2c49becbcf9c0d93940899697374617465526f6f74582003030303030303030303030303030303030303030303030303030303030303036974696d657374616d701b0000019e704488006e6f7065726174696f6e73526f6f74582002020202020202020202020202020202020202020202020202020202020202026b6365727469666963617465a16a7369676e61747572657383a2697369676e61747572655840e4895a04352d57210fde6a59b28e9870596463b754edabca9f5dcc7cae8a9936986e2120b61a40d83be48eb92c2083f2de7d35db3622fd3f167a3beaa84b000c6976616c696461746f7200a2697369676e617475726558402073504c76766c85ee3b8454be8c3ab69d0a7ba41ff295fc178e7ae89c47e53f8e219262a2c101d585f3d7c109d1518e87e875b389a5e35e0ac3491c9c3b720b6976616c696461746f7201a2697369676e617475726558408779607d2d6c9458b93e5b818b07389bbd43b6ce2d80458f10d27dafbfc1970b10135e622a1e1906a07c72e580b0ce42347047d600e6278013e872c334057a026976616c696461746f72026b64657363656e64616e747380"`,
  )
})
