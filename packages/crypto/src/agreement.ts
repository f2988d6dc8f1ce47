import {
  createPrivateKey,
  createPublicKey,
  decapsulate as decapsulateNow,
  diffieHellman,
  encapsulate as encapsulateNow,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { concat, fromHex } from './bytes.ts'
import { CryptoError } from './errors.ts'
import { sha256 } from './hash.ts'
import { hkdf } from './kdf.ts'
import { derInput } from './der.ts'
import { draw, systemRandom } from './random.ts'

/** X25519 (RFC 7748), ML-KEM-1024 (FIPS 203), or both: then the secret holds while either does. */
export type AgreementScheme = 'x25519' | 'ml-kem-1024' | 'x25519+ml-kem-1024'

/** The receiver's half of an agreement. */
export interface AgreementKey {
  readonly scheme: AgreementScheme
  /** Raw; for the hybrid the X25519 key (32 bytes) and the ML-KEM one (1568). */
  readonly publicKey: Uint8Array
  /** The private key: 32 bytes, 64 (FIPS 203's d and z), or both. Keep it secret. */
  seed(): Uint8Array
}

/** What the sender has after an agreement: a secret of 32 bytes, and the message that lets the receiver have it. */
export interface Encapsulated {
  readonly secret: Uint8Array
  readonly message: Uint8Array
}

type Part = 'x25519' | 'ml-kem-1024'

const PARTS: ReadonlyMap<string, readonly Part[]> = new Map<AgreementScheme, readonly Part[]>([
  ['x25519', ['x25519']],
  ['ml-kem-1024', ['ml-kem-1024']],
  ['x25519+ml-kem-1024', ['x25519', 'ml-kem-1024']],
])

const SIZES: Record<
  Part,
  { readonly seed: number; readonly publicKey: number; readonly message: number }
> = {
  x25519: { seed: 32, publicKey: 32, message: 32 },
  'ml-kem-1024': { seed: 64, publicKey: 1568, message: 1568 },
}

// SPKI and PKCS #8 around raw keys, RFC 8410 and RFC 9935 (the seed-only form).
const HEADERS: Record<Part, { readonly publicKey: Uint8Array; readonly seed: Uint8Array }> = {
  x25519: {
    publicKey: fromHex('302a300506032b656e032100'),
    seed: fromHex('302e020100300506032b656e04220420'),
  },
  'ml-kem-1024': {
    publicKey: fromHex('30820632300b06096086480165030404030382062100'),
    seed: fromHex('3054020100300b060960864801650304040304428040'),
  },
}

const utf8 = new TextEncoder()

// Holds what `decapsulate` needs without showing it on the key.
const secrets = new WeakMap<AgreementKey, ReadonlyMap<Part, KeyObject>>()

/**
 * A new key from the system's random bytes. Make one for each agreement where past secrets must stay safe
 * when this key is stolen.
 *
 * @throws {CryptoError} `unknown-scheme`.
 */
export function generateAgreementKey(scheme: AgreementScheme): AgreementKey {
  const size = partsOf(scheme).reduce((sum, part) => sum + SIZES[part].seed, 0)
  return agreementKeyFromSeed(scheme, draw(systemRandom, size))
}

/**
 * The key a seed stands for.
 *
 * @throws {CryptoError} `unknown-scheme`; `wrong-length`.
 */
export function agreementKeyFromSeed(scheme: AgreementScheme, seed: Uint8Array): AgreementKey {
  const cut = split(partsOf(scheme), 'seed', seed)
  if (!cut) throw new CryptoError('wrong-length', `${seed.length} bytes are no ${scheme} seed`)
  const halves = new Map(cut.map(([part, bytes]) => [part, secretKey(part, bytes)]))
  const publicKeys = [...halves].map(([part, half]) => rawPublic(part, half))
  const kept = seed.slice()
  const key: AgreementKey = { scheme, publicKey: concat(...publicKeys), seed: () => kept.slice() }
  secrets.set(key, halves)
  return key
}

/**
 * A fresh secret for the holder of `peerPublic`; undefined when that is no usable key: the wrong length, an
 * ML-KEM key that is not reduced (FIPS 203 section 7.2), an X25519 point that yields zero (RFC 7748 section 6.1).
 *
 * @throws {CryptoError} `unknown-scheme`.
 */
export function encapsulate(
  scheme: AgreementScheme,
  peerPublic: Uint8Array,
): Encapsulated | undefined {
  const cut = split(partsOf(scheme), 'publicKey', peerPublic)
  if (!cut) return undefined
  const raw: Encapsulated[] = []
  for (const [part, bytes] of cut) {
    const one = attempt(() => send(part, bytes))
    if (!one) return undefined
    raw.push(one)
  }
  const message = concat(...raw.map((one) => one.message))
  const secret = derive(
    scheme,
    raw.map((one) => one.secret),
    peerPublic,
    message,
  )
  return { secret, message }
}

/**
 * The secret that `message` carries for `key`; undefined when the message cannot be one. An ML-KEM message
 * that was tampered with yields a secret nobody else has (FIPS 203 section 6.3), so prove that both sides have the
 * same one before you rely on it: seal something.
 *
 * @throws {CryptoError} `bad-key` when the key was not made by this package.
 */
export function decapsulate(key: AgreementKey, message: Uint8Array): Uint8Array | undefined {
  const halves = secrets.get(key)
  if (!halves) throw new CryptoError('bad-key', 'the agreement key was not made by this package')
  const cut = split(partsOf(key.scheme), 'message', message)
  if (!cut) return undefined
  const raw: Uint8Array[] = []
  for (const [part, bytes] of cut) {
    const half = halves.get(part)
    const secret = half && attempt(() => receive(part, half, bytes))
    if (!secret) return undefined
    raw.push(secret)
  }
  return derive(key.scheme, raw, key.publicKey, message)
}

// Both secrets, and the hash of everything that was said: whoever changes a message or a key on the way
// changes the secret. Each part has one length within a scheme, so the concatenations are unambiguous.
function derive(
  scheme: AgreementScheme,
  raw: readonly Uint8Array[],
  publicKey: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  const transcript = sha256(publicKey, message)
  const info = concat(utf8.encode(`hypermesh/agreement/1\0${scheme}\0`), transcript)
  return hkdf(concat(...raw), new Uint8Array(), info, 32)
}

function send(part: Part, bytes: Uint8Array): Encapsulated {
  const peer = publicKeyOf(part, bytes)
  if (part === 'ml-kem-1024') {
    const { sharedKey, ciphertext } = encapsulateNow(peer)
    return { secret: new Uint8Array(sharedKey), message: new Uint8Array(ciphertext) }
  }
  const ephemeral = secretKey(part, draw(systemRandom, SIZES[part].seed))
  return { secret: shared(ephemeral, peer), message: rawPublic(part, ephemeral) }
}

function receive(part: Part, half: KeyObject, bytes: Uint8Array): Uint8Array {
  if (part === 'ml-kem-1024') return new Uint8Array(decapsulateNow(half, bytes))
  return shared(half, publicKeyOf(part, bytes))
}

// OpenSSL fails where the result would be all zero.
function shared(privateKey: KeyObject, publicKey: KeyObject): Uint8Array {
  return new Uint8Array(diffieHellman({ privateKey, publicKey }))
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch {
    return undefined
  }
}

function split(
  parts: readonly Part[],
  what: 'seed' | 'publicKey' | 'message',
  bytes: Uint8Array,
): (readonly [Part, Uint8Array])[] | undefined {
  let offset = 0
  const cut = parts.map((part) => {
    const start = offset
    offset += SIZES[part][what]
    return [part, bytes.slice(start, offset)] as const
  })
  return offset === bytes.length ? cut : undefined
}

function secretKey(part: Part, seed: Uint8Array): KeyObject {
  const key = derInput(concat(HEADERS[part].seed, seed))
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' })
}

function publicKeyOf(part: Part, bytes: Uint8Array): KeyObject {
  const key = derInput(concat(HEADERS[part].publicKey, bytes))
  return createPublicKey({ key, format: 'der', type: 'spki' })
}

function rawPublic(part: Part, secret: KeyObject): Uint8Array {
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' })
  return new Uint8Array(spki.subarray(spki.length - SIZES[part].publicKey))
}

function partsOf(scheme: AgreementScheme): readonly Part[] {
  const parts = PARTS.get(scheme)
  if (!parts) throw new CryptoError('unknown-scheme', `no agreement scheme ${scheme}`)
  return parts
}
