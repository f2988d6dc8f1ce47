import { createPrivateKey, createPublicKey, hash, sign, verify as verifyNow } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { concat, equal, fromHex } from '../bytes.ts'
import { derInput } from '../der.ts'
import { CryptoError } from '../errors.ts'
import { draw, systemRandom } from '../random.ts'

/** What the platform signs with at once: Ed25519 (RFC 8032) and ML-DSA (FIPS 204). */
export type NativeScheme = 'ed25519' | 'ml-dsa-65' | 'ml-dsa-87'

/** A key in memory that signs. */
export interface SigningKey {
  readonly scheme: NativeScheme
  /** Raw: 32 bytes for Ed25519, 1952 for ML-DSA-65, 2592 for ML-DSA-87. */
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
  /** The private key in its raw form: 32 bytes (RFC 8032's secret, FIPS 204's xi). Keep it secret. */
  seed(): Uint8Array
}

/** Bytes of a raw private key, in every native scheme. */
export const SEED_SIZE = 32

// Raw keys are wrapped in the DER that RFC 8410 and RFC 9881 give them: SPKI for the public one, PKCS #8
// for the seed ([0] for ML-DSA: the seed-only form), so the import needs no parser of ours.
const SHAPES: ReadonlyMap<string, Shape> = new Map(
  Object.entries<Shape>({
    ed25519: {
      publicSize: 32,
      signatureSize: 64,
      publicHeader: fromHex('302a300506032b6570032100'),
      seedHeader: fromHex('302e020100300506032b657004220420'),
    },
    'ml-dsa-65': {
      publicSize: 1952,
      signatureSize: 3309,
      publicHeader: fromHex('308207b2300b0609608648016503040312038207a100'),
      seedHeader: fromHex('3034020100300b060960864801650304031204228020'),
    },
    'ml-dsa-87': {
      publicSize: 2592,
      signatureSize: 4627,
      publicHeader: fromHex('30820a32300b060960864801650304031303820a2100'),
      seedHeader: fromHex('3034020100300b060960864801650304031304228020'),
    },
  }),
)

interface Shape {
  readonly publicSize: number
  readonly signatureSize: number
  readonly publicHeader: Uint8Array
  readonly seedHeader: Uint8Array
}

/** Sizes on the wire, in bytes. */
export function nativeSizes(scheme: NativeScheme): {
  readonly publicKey: number
  readonly signature: number
} {
  const shape = shapeOf(scheme)
  return { publicKey: shape.publicSize, signature: shape.signatureSize }
}

/**
 * A new key from the system's random bytes.
 *
 * @throws {CryptoError} `unknown-scheme`.
 */
export function generateSigningKey(scheme: NativeScheme): SigningKey {
  return signingKeyFromSeed(scheme, draw(systemRandom, SEED_SIZE))
}

/**
 * The key a seed stands for: always the same one.
 *
 * @throws {CryptoError} `unknown-scheme`; `wrong-length` when the seed is not 32 bytes.
 */
export function signingKeyFromSeed(scheme: NativeScheme, seed: Uint8Array): SigningKey {
  const shape = shapeOf(scheme)
  if (seed.length !== SEED_SIZE) {
    throw new CryptoError('wrong-length', `a seed is ${SEED_SIZE} bytes, not ${seed.length}`)
  }
  const der = concat(shape.seedHeader, seed)
  const secret = createPrivateKey({ key: derInput(der), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' })
  const publicKey = new Uint8Array(spki.subarray(spki.length - shape.publicSize))
  const kept = seed.slice()
  return {
    scheme,
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, secret)),
    seed: () => kept.slice(),
  }
}

/**
 * Whether `signature` over `message` was made with the private half of `publicKey`. A malformed key or
 * signature is false as well: to the caller they are the same bad answer. An Ed25519 key of small order
 * is refused, because under it one signature fits many messages.
 */
export function verify(
  scheme: NativeScheme,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const shape = SHAPES.get(scheme)
  if (!shape) return false
  if (publicKey.length !== shape.publicSize || signature.length !== shape.signatureSize)
    return false
  const key = imported(scheme, shape, publicKey)
  return key !== undefined && verifyNow(null, message, key, signature)
}

/** Public keys kept ready. Importing an ML-DSA key costs as much as half a verification. */
const READY_KEYS_MAX = 1024

// Public keys only, by the hash of scheme and key; the first in the map is the least recently used.
const ready = new Map<string, KeyObject>()

function imported(
  scheme: NativeScheme,
  shape: Shape,
  publicKey: Uint8Array,
): KeyObject | undefined {
  const name = scheme + hash('sha256', publicKey, 'base64')
  const known = ready.get(name)
  if (known) {
    ready.delete(name)
    ready.set(name, known)
    return known
  }
  if (scheme === 'ed25519' && isSmallOrder(publicKey)) return undefined
  let key: KeyObject
  try {
    const der = concat(shape.publicHeader, publicKey)
    key = createPublicKey({ key: derInput(der), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
  if (ready.size >= READY_KEYS_MAX) {
    const [oldest = ''] = ready.keys()
    ready.delete(oldest)
  }
  ready.set(name, key)
  return key
}

// The y coordinates of the eight points whose order divides 8, and the encodings of 0 and 1 that are not
// reduced (p and p + 1), little-endian; the sign bit is left out of the comparison. RFC 8032 section 5.1.
// OpenSSL 3.0 takes such keys and 3.5.8 does not; two nodes must not differ over one signature, so we say no.
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(fromHex)

function isSmallOrder(publicKey: Uint8Array): boolean {
  const y = publicKey.slice()
  y[31] = (y[31] ?? 0) & 0x7f
  return SMALL_ORDER.some((point) => equal(point, y))
}

function shapeOf(scheme: NativeScheme): Shape {
  const shape = SHAPES.get(scheme)
  if (!shape) throw new CryptoError('unknown-scheme', `no native signature scheme ${scheme}`)
  return shape
}
