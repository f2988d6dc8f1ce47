import type { KeyObject } from 'node:crypto'

import { concat } from '../bytes.ts'
import { CryptoError } from '../errors.ts'
import { draw, systemRandom } from '../random.ts'
import type { Random } from '../random.ts'
import { checkSealing, lock, sealingKey, unlock } from './gcm.ts'
import { SALT_SIZE, TAG_SIZE } from './nonce.ts'

/**
 * Most records one sealer makes. With {@link PLAIN_SIZE_MAX} it bounds what one key encrypts to 2^48 blocks,
 * where AES still looks random but for one chance in 2^33.
 */
export const RECORDS_MAX: number = 2 ** 32

/** Longest plaintext of one record, in bytes. */
export const PLAIN_SIZE_MAX: number = 2 ** 20

/** Makes records that only an opener of the same key reads, in the order they were made. */
export interface Sealer {
  /**
   * @param associated - Bytes that are not sent but must be the same when it is opened.
   * @returns 16 bytes more than `plain`; the first record 32 more than that, for the salt.
   * @throws {CryptoError} `spent` when the sealer has made its records: agree on a new key; `too-long` when
   *   `plain` is over 1 MiB.
   */
  seal(plain: Uint8Array, associated?: Uint8Array): Uint8Array
}

/** Reads the records of one sealer. */
export interface Opener {
  /**
   * The next record's plaintext. Undefined when it is not the next record of the sealer it listens to:
   * altered, repeated, out of turn, or made for something else. The opener still waits for that record then.
   */
  open(record: Uint8Array, associated?: Uint8Array): Uint8Array | undefined
}

/** What both ends of a line agree on besides the key. */
export interface SealOptions {
  /**
   * What the records are for, such as `client to server`. Give each direction its own, or a peer can send
   * your own records back to you. At most 256 bytes of UTF-8.
   */
  readonly context?: string
}

const NOTHING = new Uint8Array()

/**
 * @param key - 32 secret bytes. Any number of sealers may share them.
 * @param options.recordsMax - Fewer records than {@link RECORDS_MAX}, to change keys sooner.
 * @throws {CryptoError} `wrong-length` for the key or the context; `bad-value` for `recordsMax`.
 */
export function sealer(
  key: Uint8Array,
  options: SealOptions & { readonly recordsMax?: number; readonly random?: Random } = {},
): Sealer {
  const { context = '', recordsMax = RECORDS_MAX, random = systemRandom } = options
  if (!Number.isInteger(recordsMax) || recordsMax < 1 || recordsMax > RECORDS_MAX) {
    throw new CryptoError(
      'bad-value',
      `a sealer makes 1 to ${RECORDS_MAX} records, not ${recordsMax}`,
    )
  }
  checkSealing(key, context)
  const salt = draw(random, SALT_SIZE)
  const own = sealingKey(key, salt, 'records', context)
  let made = 0
  return {
    seal: (plain, associated = NOTHING) => {
      if (made >= recordsMax) throw new CryptoError('spent', `${made} records are sealed`)
      if (plain.length > PLAIN_SIZE_MAX) {
        throw new CryptoError('too-long', `${plain.length} bytes of at most ${PLAIN_SIZE_MAX}`)
      }
      // Counted before use: whatever fails below, this nonce is not used again.
      const counter = made++
      const sealed = lock(own, counter, false, plain, associated)
      return counter === 0 ? concat(salt, sealed) : sealed
    },
  }
}

/**
 * Listens to the first sealer whose first record it opens. That record can come again to another opener of
 * the same key, so use a key for one line only, as an agreement makes it.
 *
 * @throws {CryptoError} `wrong-length` for the key or the context.
 */
export function opener(key: Uint8Array, { context = '' }: SealOptions = {}): Opener {
  checkSealing(key, context)
  const secret = key.slice()
  let theirs: KeyObject | undefined
  let opened = 0
  return {
    open: (record, associated = NOTHING) => {
      if (record.length > PLAIN_SIZE_MAX + TAG_SIZE + SALT_SIZE) return undefined
      const first = theirs === undefined
      const candidate =
        theirs ?? sealingKey(secret, record.subarray(0, SALT_SIZE), 'records', context)
      const sealed = first ? record.subarray(SALT_SIZE) : record
      const plain = unlock(candidate, opened, false, sealed, associated)
      if (plain === undefined) return undefined
      // Only a salt that proved itself is kept.
      theirs = candidate
      opened += 1
      if (first) secret.fill(0)
      return plain
    },
  }
}
