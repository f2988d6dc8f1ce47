import { falconWorker } from './worker.ts'

/** Bytes of a raw public key, FALCON specification round 3, section 3.11. */
export const FALCON_PUBLIC_SIZE = 1793

/** Bytes of a raw private key. */
export const FALCON_SECRET_SIZE = 2305

/** Longest signature in the compressed form, in bytes; most are near 1270. */
export const FALCON_SIGNATURE_SIZE_MAX = 1462

/** A FALCON-1024 key whose work is done on the thread. */
export interface FalconKey {
  readonly publicKey: Uint8Array
  readonly secret: Uint8Array
}

export async function generateFalcon(): Promise<FalconKey> {
  return falconWorker.ask({ type: 'generate' })
}

/** @throws {CryptoError} `bad-key` when the secret is none. */
export async function falconFromSecret(secret: Uint8Array): Promise<FalconKey> {
  const { publicKey } = await falconWorker.ask({ type: 'publish', secret })
  return { publicKey, secret: secret.slice() }
}

export async function signFalcon(key: FalconKey, message: Uint8Array): Promise<Uint8Array> {
  const { signature } = await falconWorker.ask({ type: 'sign', secret: key.secret, message })
  return signature
}

/** False for a malformed key or signature. */
export async function verifyFalcon(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (publicKey.length !== FALCON_PUBLIC_SIZE) return false
  if (signature.length > FALCON_SIGNATURE_SIZE_MAX) return false
  const { valid } = await falconWorker.ask({ type: 'verify', publicKey, message, signature })
  return valid
}
