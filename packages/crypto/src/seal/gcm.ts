import { createCipheriv, createDecipheriv, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

import { concat } from '../bytes.ts'
import { CryptoError } from '../errors.ts'
import { hkdf } from '../kdf.ts'
import { TAG_SIZE, nonceAt } from './nonce.ts'

const ALGORITHM = 'aes-256-gcm'
const TAG = { authTagLength: TAG_SIZE }
const KEY_SIZE = 32
const CONTEXT_SIZE_MAX = 256

const utf8 = new TextEncoder()

/** @throws {CryptoError} `wrong-length` when the secret or the context cannot be used. */
export function checkSealing(secret: Uint8Array, context: string): void {
  if (secret.length !== KEY_SIZE) {
    throw new CryptoError(
      'wrong-length',
      `a sealing key is ${KEY_SIZE} bytes, not ${secret.length}`,
    )
  }
  const size = utf8.encode(context).length
  if (size > CONTEXT_SIZE_MAX) {
    throw new CryptoError(
      'wrong-length',
      `the context is ${size} bytes of at most ${CONTEXT_SIZE_MAX}`,
    )
  }
}

/**
 * The key of one sealer: from the secret, the sealer's random salt, what it is for, and the caller's context.
 * Two sealers from one secret draw different salts, so that no nonce is used twice under one key.
 */
export function sealingKey(
  secret: Uint8Array,
  salt: Uint8Array,
  purpose: 'records' | 'stream',
  context: string,
): KeyObject {
  const info = utf8.encode(`hypermesh/seal-${purpose}/1\0${context}`)
  return createSecretKey(hkdf(secret, salt, info, KEY_SIZE))
}

/** AES-256-GCM: the ciphertext and its tag. */
export function lock(
  key: KeyObject,
  counter: number,
  last: boolean,
  plain: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  const cipher = createCipheriv(ALGORITHM, key, nonceAt(counter, last), TAG)
  cipher.setAAD(associated)
  const body = cipher.update(plain)
  cipher.final()
  return concat(body, cipher.getAuthTag())
}

/** The plaintext, or undefined when anything is not as it was sealed: key, place, bytes, associated data. */
export function unlock(
  key: KeyObject,
  counter: number,
  last: boolean,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_SIZE) return undefined
  const decipher = createDecipheriv(ALGORITHM, key, nonceAt(counter, last), TAG)
  decipher.setAAD(associated)
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_SIZE))
  const plain = decipher.update(sealed.subarray(0, sealed.length - TAG_SIZE))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return new Uint8Array(plain)
}
