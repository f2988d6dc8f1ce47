import { concat } from '../bytes.ts'
import { CryptoError } from '../errors.ts'
import {
  FALCON_PUBLIC_SIZE,
  FALCON_SECRET_SIZE,
  FALCON_SIGNATURE_SIZE_MAX,
  falconFromSecret,
  generateFalcon,
  signFalcon,
  verifyFalcon,
} from '../falcon/falcon.ts'
import type { FalconKey } from '../falcon/falcon.ts'
import { falconWorker } from '../falcon/worker.ts'
import { componentMessage } from './hybrid.ts'
import { SEED_SIZE, generateSigningKey, nativeSizes, signingKeyFromSeed, verify } from './native.ts'
import type { NativeScheme, SigningKey } from './native.ts'

/** Every way to sign. A scheme with a plus is a hybrid: valid when both halves are. */
export type SignatureScheme =
  | NativeScheme
  | 'falcon-1024'
  | 'ed25519+ml-dsa-65'
  | 'ed25519+ml-dsa-87'
  | 'ed25519+falcon-1024'

/** A key that signs in its own time. */
export interface Signer {
  readonly scheme: SignatureScheme
  /** Raw; for a hybrid the Ed25519 key and the other, one after the other. */
  readonly publicKey: Uint8Array
  /** @throws {CryptoError} `closed`; for FALCON also `busy` and `worker-failed`. */
  sign(message: Uint8Array): Promise<Uint8Array>
}

/** A signer whose private key the caller holds. */
export interface OwnedSigner extends Signer, AsyncDisposable {
  /** The private key, for {@link signerFromSecret}. Keep it secret. */
  secret(): Uint8Array
  /** Forgets the FALCON key and lets the thread go. Safe to repeat. */
  close(): Promise<void>
}

type Post = 'ml-dsa-65' | 'ml-dsa-87' | 'falcon-1024'

const POST: ReadonlyMap<SignatureScheme, Post> = new Map([
  ['ed25519+ml-dsa-65', 'ml-dsa-65'],
  ['ed25519+ml-dsa-87', 'ml-dsa-87'],
  ['ed25519+falcon-1024', 'falcon-1024'],
])

const NATIVE: ReadonlySet<string> = new Set<NativeScheme>(['ed25519', 'ml-dsa-65', 'ml-dsa-87'])

const CLASSICAL = nativeSizes('ed25519')

/**
 * A new key. One with FALCON takes about half a second, on another thread.
 *
 * @throws {CryptoError} `unknown-scheme`.
 */
export async function generateSigner(scheme: SignatureScheme): Promise<OwnedSigner> {
  if (scheme === 'falcon-1024') return falconSigner(await generateFalcon())
  if (isNative(scheme)) return nativeSigner(generateSigningKey(scheme))
  return hybridSigner(scheme, generateSigningKey('ed25519'), await generateSigner(postOf(scheme)))
}

/**
 * The signer a private key stands for.
 *
 * @throws {CryptoError} `unknown-scheme`; `wrong-length`; `bad-key` when a FALCON key is damaged.
 */
export async function signerFromSecret(
  scheme: SignatureScheme,
  secret: Uint8Array,
): Promise<OwnedSigner> {
  if (scheme === 'falcon-1024') {
    if (secret.length !== FALCON_SECRET_SIZE) {
      throw new CryptoError('wrong-length', `a FALCON-1024 secret is ${FALCON_SECRET_SIZE} bytes`)
    }
    return falconSigner(await falconFromSecret(secret))
  }
  if (isNative(scheme)) return nativeSigner(signingKeyFromSeed(scheme, secret))
  const post = postOf(scheme)
  const classical = signingKeyFromSeed('ed25519', secret.slice(0, SEED_SIZE))
  return hybridSigner(scheme, classical, await signerFromSecret(post, secret.slice(SEED_SIZE)))
}

/**
 * Whether `signature` over `message` was made with the private half of `publicKey`. A malformed key or
 * signature is false.
 *
 * @throws {CryptoError} `busy` or `worker-failed`: FALCON could not be asked, which is no verdict.
 */
export async function verifySignature(
  scheme: SignatureScheme,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (scheme === 'falcon-1024') return verifyFalcon(publicKey, message, signature)
  if (isNative(scheme)) return verify(scheme, publicKey, message, signature)
  const post = POST.get(scheme)
  if (!post) return false
  // The classical half has one length, so there is one way to cut.
  const half = (component: 'ed25519' | Post): Uint8Array =>
    componentMessage(scheme, component, publicKey, message)
  const classicalKey = publicKey.subarray(0, CLASSICAL.publicKey)
  const classicalSignature = signature.subarray(0, CLASSICAL.signature)
  if (!verify('ed25519', classicalKey, half('ed25519'), classicalSignature)) return false
  const postKey = publicKey.subarray(CLASSICAL.publicKey)
  const postSignature = signature.subarray(CLASSICAL.signature)
  return verifySignature(post, postKey, half(post), postSignature)
}

/**
 * Sizes on the wire, in bytes, for the limits of whoever carries keys and signatures.
 *
 * @throws {CryptoError} `unknown-scheme`.
 */
export function signatureSizes(scheme: SignatureScheme): {
  readonly publicKey: number
  readonly signatureMax: number
} {
  if (scheme === 'falcon-1024') {
    return { publicKey: FALCON_PUBLIC_SIZE, signatureMax: FALCON_SIGNATURE_SIZE_MAX }
  }
  if (isNative(scheme)) {
    const { publicKey, signature } = nativeSizes(scheme)
    return { publicKey, signatureMax: signature }
  }
  const post = signatureSizes(postOf(scheme))
  return {
    publicKey: CLASSICAL.publicKey + post.publicKey,
    signatureMax: CLASSICAL.signature + post.signatureMax,
  }
}

function nativeSigner(key: SigningKey): OwnedSigner {
  return owned({
    scheme: key.scheme,
    publicKey: key.publicKey,
    sign: async (message) => key.sign(message),
    secret: () => key.seed(),
    release: async () => {},
  })
}

function falconSigner(key: FalconKey): OwnedSigner {
  const letGo = falconWorker.hold()
  return owned({
    scheme: 'falcon-1024',
    publicKey: key.publicKey,
    sign: async (message) => signFalcon(key, message),
    secret: () => key.secret.slice(),
    release: async () => {
      key.secret.fill(0)
      await letGo()
    },
  })
}

function hybridSigner(
  scheme: SignatureScheme,
  classical: SigningKey,
  post: OwnedSigner,
): OwnedSigner {
  const publicKey = concat(classical.publicKey, post.publicKey)
  const sign = async (message: Uint8Array): Promise<Uint8Array> => {
    const half = (component: 'ed25519' | Post): Uint8Array =>
      componentMessage(scheme, component, publicKey, message)
    const slow = post.sign(half(postOf(scheme)))
    return concat(classical.sign(half('ed25519')), await slow)
  }
  return owned({
    scheme,
    publicKey,
    sign,
    secret: () => concat(classical.seed(), post.secret()),
    release: async () => post.close(),
  })
}

interface Parts {
  readonly scheme: SignatureScheme
  readonly publicKey: Uint8Array
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>
  readonly secret: () => Uint8Array
  readonly release: () => Promise<void>
}

function owned({ scheme, publicKey, sign, secret, release }: Parts): OwnedSigner {
  let isOpen = true
  const opened = (): void => {
    if (!isOpen) throw new CryptoError('closed', `the ${scheme} signer is closed`)
  }
  const close = async (): Promise<void> => {
    if (!isOpen) return
    isOpen = false
    await release()
  }
  return {
    scheme,
    publicKey,
    sign: async (message) => {
      opened()
      return sign(message)
    },
    secret: () => {
      opened()
      return secret()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function isNative(scheme: SignatureScheme): scheme is NativeScheme {
  return NATIVE.has(scheme)
}

function postOf(scheme: SignatureScheme): Post {
  const post = POST.get(scheme)
  if (!post) throw new CryptoError('unknown-scheme', `no signature scheme ${scheme}`)
  return post
}
