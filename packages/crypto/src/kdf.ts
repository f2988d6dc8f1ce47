import { argon2, hkdfSync } from 'node:crypto'

import { CryptoError } from './errors.ts'

/** Longest output of HKDF-SHA-256 in bytes: 255 blocks, RFC 5869 section 2.3. */
const HKDF_LENGTH_MAX = 255 * 32

/** Longest `info` the platform takes, in bytes. Hash what is longer. */
const HKDF_INFO_MAX = 1024

/**
 * HKDF-SHA-256 (RFC 5869): keys from a secret that is already hard to guess.
 *
 * @param info - What the key is for, at most 1024 bytes: another purpose, another key.
 * @param length - Bytes to make, at most 8160.
 * @throws {CryptoError} `wrong-length`.
 */
export function hkdf(
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  if (!Number.isInteger(length) || length < 1 || length > HKDF_LENGTH_MAX) {
    throw new CryptoError('wrong-length', `HKDF makes 1 to ${HKDF_LENGTH_MAX} bytes, not ${length}`)
  }
  if (info.length > HKDF_INFO_MAX) {
    throw new CryptoError(
      'wrong-length',
      `info is ${info.length} bytes of at most ${HKDF_INFO_MAX}`,
    )
  }
  return new Uint8Array(hkdfSync('sha256', secret, salt, info, length))
}

/** What one guess at a passphrase costs. */
export interface PassphraseCost {
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
}

/** The second recommendation of RFC 9106 section 4: 64 MiB, three passes, four lanes. */
export const PASSPHRASE_COST: PassphraseCost = { memoryKib: 65_536, passes: 3, lanes: 4 }

/** Least cost. Below this a guess is nearly free. */
export const PASSPHRASE_COST_MIN: PassphraseCost = { memoryKib: 8_192, passes: 1, lanes: 1 }

/** Greatest cost. The parameters stand in a file, and whoever wrote it must not choose our memory. */
export const PASSPHRASE_COST_MAX: PassphraseCost = { memoryKib: 1_048_576, passes: 16, lanes: 16 }

/** Least salt in bytes, RFC 9106 section 3.1; 16 are recommended. */
const SALT_SIZE_MIN = 8

/**
 * Argon2id version 1.3 (RFC 9106): 32 bytes of key from something a person remembers. The passphrase is
 * brought to Unicode form NFKC first, so that every keyboard's way of typing it opens the same lock.
 *
 * @throws {CryptoError} `bad-value` when the passphrase is empty, the salt shorter than 8 bytes or the cost
 *   outside {@link PASSPHRASE_COST_MIN} and {@link PASSPHRASE_COST_MAX}.
 */
export async function passphraseKey(
  passphrase: string,
  salt: Uint8Array,
  cost: PassphraseCost = PASSPHRASE_COST,
): Promise<Uint8Array> {
  checkPassphrase(passphrase, cost)
  if (salt.length < SALT_SIZE_MIN) {
    throw new CryptoError('bad-value', `a salt of ${salt.length} bytes is too short`)
  }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const parameters = {
    message: passphrase.normalize('NFKC'),
    nonce: salt,
    memory: cost.memoryKib,
    passes: cost.passes,
    parallelism: cost.lanes,
    tagLength: 32,
  }
  argon2('argon2id', parameters, (error, key) => {
    if (error) reject(error)
    else resolve(new Uint8Array(key))
  })
  return promise
}

/** @throws {CryptoError} `bad-value`, as {@link passphraseKey} does. */
export function checkPassphrase(passphrase: string, cost: PassphraseCost): void {
  if (passphrase === '') throw new CryptoError('bad-value', 'the passphrase is empty')
  for (const part of ['memoryKib', 'passes', 'lanes'] as const) {
    const value = cost[part]
    const least = PASSPHRASE_COST_MIN[part]
    const most = PASSPHRASE_COST_MAX[part]
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new CryptoError('bad-value', `${part} is ${value}, outside ${least} to ${most}`)
    }
  }
}
