import { concat, equal } from '../bytes.ts'
import { CryptoError } from '../errors.ts'
import { FALCON_SECRET_SIZE } from '../falcon/falcon.ts'
import { sha256 } from '../hash.ts'
import { PASSPHRASE_COST_MAX, PASSPHRASE_COST_MIN, passphraseKey } from '../kdf.ts'
import type { PassphraseCost } from '../kdf.ts'
import { draw, systemRandom } from '../random.ts'
import { field } from '../record/field.ts'
import { record } from '../record/record.ts'
import type { Codec } from '../record/record.ts'
import { opener, sealer } from '../seal/record.ts'
import { SEED_SIZE } from '../signature/native.ts'

/** Longest identity file, in bytes. It is about 2.6 KB. */
export const IDENTITY_SIZE_MAX = 8_192

/** The private keys of an identity. */
export interface IdentityKeys {
  readonly ed25519: Uint8Array
  readonly mlDsa65: Uint8Array
  readonly falcon1024: Uint8Array
}

interface LockedKeys {
  readonly salt: Uint8Array
  readonly memoryKib: number
  readonly passes: number
  readonly lanes: number
  readonly sealed: Uint8Array
}

const CONTEXT = 'identity file'
const SALT_SIZE = 16
const CHECKSUM_SIZE = 32

const keysCodec: Codec<IdentityKeys> = record('hypermesh/identity-keys', 1, IDENTITY_SIZE_MAX, {
  ed25519: field.bytes({ length: SEED_SIZE }),
  mlDsa65: field.bytes({ length: SEED_SIZE }),
  falcon1024: field.bytes({ length: FALCON_SECRET_SIZE }),
})

// The limits on the cost are the codec's: a file that asks for more memory than we allow is refused unread.
const lockedCodec: Codec<LockedKeys> = record('hypermesh/identity', 1, IDENTITY_SIZE_MAX, {
  salt: field.bytes({ length: SALT_SIZE }),
  memoryKib: field.count({ max: PASSPHRASE_COST_MAX.memoryKib }),
  passes: field.count({ max: PASSPHRASE_COST_MAX.passes }),
  lanes: field.count({ max: PASSPHRASE_COST_MAX.lanes }),
  sealed: field.bytes({ max: IDENTITY_SIZE_MAX }),
})

/** The bytes of an identity file: SHA-256 of the rest, then the record `hypermesh/identity`. */
export async function lockKeys(
  keys: IdentityKeys,
  passphrase: string,
  cost: PassphraseCost,
): Promise<Uint8Array> {
  const salt = draw(systemRandom, SALT_SIZE)
  const key = await passphraseKey(passphrase, salt, cost)
  const sealed = sealer(key, { context: CONTEXT }).seal(keysCodec.encode(keys))
  key.fill(0)
  const { memoryKib, passes, lanes } = cost
  const body = lockedCodec.encode({ salt, memoryKib, passes, lanes, sealed })
  return concat(sha256(body), body)
}

/**
 * Reads them back. The checksum tells a damaged file from a wrong passphrase; it protects nothing.
 *
 * @throws {CryptoError} `identity-damaged`; `wrong-passphrase`.
 */
export async function unlockKeys(
  bytes: Uint8Array,
  passphrase: string,
  file: string,
): Promise<IdentityKeys> {
  const body = bytes.subarray(CHECKSUM_SIZE)
  if (!equal(sha256(body), bytes.subarray(0, CHECKSUM_SIZE))) throw damaged(file, 'its checksum')
  const decoded = lockedCodec.decode(body)
  if (!decoded.ok) throw damaged(file, decoded.refusal.code)
  const { salt, sealed, memoryKib, passes, lanes } = decoded.value
  const isCheap =
    memoryKib < PASSPHRASE_COST_MIN.memoryKib ||
    passes < PASSPHRASE_COST_MIN.passes ||
    lanes < PASSPHRASE_COST_MIN.lanes
  if (isCheap) throw damaged(file, 'a cost below the least')
  if (passphrase === '') throw new CryptoError('wrong-passphrase', `no passphrase for ${file}`)
  const key = await passphraseKey(passphrase, salt, { memoryKib, passes, lanes })
  const plain = opener(key, { context: CONTEXT }).open(sealed)
  key.fill(0)
  if (!plain) throw new CryptoError('wrong-passphrase', `the passphrase does not open ${file}`)
  const keys = keysCodec.decode(plain)
  plain.fill(0)
  if (!keys.ok) throw damaged(file, keys.refusal.code)
  return keys.value
}

function damaged(file: string, what: string): CryptoError {
  return new CryptoError(
    'identity-damaged',
    `${file} is damaged (${what}): put back a copy, or remove it and create a new identity`,
  )
}
