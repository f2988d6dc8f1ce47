import {
  PASSPHRASE_COST,
  PASSPHRASE_COST_MAX,
  draw,
  equal,
  field,
  opener,
  passphraseKey,
  record,
  sealer,
  sha256,
  systemRandom,
  toHex,
} from '@hypermesh/crypto'
import type { PassphraseCost } from '@hypermesh/crypto'
import { TrustError } from '../errors.ts'
import { listKeys, readKey, writeKey } from './file.ts'
import type { KeyStore } from './keystore.ts'

/** Longest secret kept, in bytes. */
const SECRET_SIZE_MAX = 4_096

const SALT_LENGTH = 16

const NAME = /^[a-z0-9][a-z0-9.-]{0,95}$/

const keyCodec = record('hypermesh/sealed-key', 1, 8_192, {
  name: field.text({ max: 96 }),
  cost: field.record({
    memoryKib: field.count({ max: PASSPHRASE_COST_MAX.memoryKib }),
    passes: field.count({ max: PASSPHRASE_COST_MAX.passes }),
    lanes: field.count({ max: PASSPHRASE_COST_MAX.lanes }),
  }),
  salt: field.bytes({ length: SALT_LENGTH }),
  sealed: field.bytes({ max: SECRET_SIZE_MAX + 64 }),
  /** SHA-256 of the rest: a damaged file is told from a wrong passphrase, before any work is put into it. */
  digest: field.bytes({ length: 32 }),
})

interface Lock {
  readonly cost: PassphraseCost
  readonly salt: Uint8Array
}

export interface FileKeysOptions {
  /** Made with owner-only permissions when it is not there. */
  readonly directory: string
  readonly passphrase: string
  /** What a guess at the passphrase costs; of keys that exist, their files say. */
  readonly cost?: PassphraseCost
}

/**
 * Keeps secrets in files of this user's alone, each sealed under a passphrase (Argon2id, AES-256-GCM).
 * All methods reject with {@link TrustError}: `wrong-passphrase`, `key-damaged`, `key-permissions`,
 * `key-unwritable`, `key-name`.
 */
export function fileKeys({
  directory,
  passphrase,
  cost = PASSPHRASE_COST,
}: FileKeysOptions): KeyStore {
  // One guess is meant to be slow, so each salt is worked through once.
  const worked = new Map<string, Promise<Uint8Array>>()
  const work = (lock: Lock): Promise<Uint8Array> => {
    const id = `${toHex(lock.salt)} ${lock.cost.memoryKib} ${lock.cost.passes} ${lock.cost.lanes}`
    const known = worked.get(id)
    if (known) return known
    const fresh = passphraseKey(passphrase, lock.salt, lock.cost)
    worked.set(id, fresh)
    return fresh
  }

  const load = async (name: string): Promise<{ lock: Lock; secret: Uint8Array } | undefined> => {
    const bytes = await readKey(directory, name)
    if (!bytes) return undefined
    const decoded = keyCodec.decode(bytes)
    if (!decoded.ok) throw damagedKey(directory, name)
    const { sealed, digest, ...lock } = decoded.value
    if (lock.name !== name || !equal(digest, digestOf(lock, sealed)))
      throw damagedKey(directory, name)
    const secret = opener(await work(lock), { context: contextOf(name) }).open(sealed)
    if (secret) return { lock, secret }
    throw new TrustError(
      'wrong-passphrase',
      `the passphrase does not open the keys in ${directory}`,
    )
  }

  // The keys of a folder share one passphrase, so the first of them says whether this is the one.
  const begin = async (): Promise<Lock> => {
    for (const name of (await listKeys(directory)).toSorted()) {
      const loaded = await load(name)
      if (loaded) return { cost: loaded.lock.cost, salt: loaded.lock.salt }
    }
    return { cost, salt: draw(systemRandom, SALT_LENGTH) }
  }
  let begun: Promise<Lock> | undefined

  return {
    load: async (name) => {
      demandName(name)
      return (await load(name))?.secret
    },
    save: async (name, secret) => {
      demandName(name)
      if (secret.length > SECRET_SIZE_MAX) {
        const text = `a secret of ${secret.length} bytes is over ${SECRET_SIZE_MAX}`
        throw new TrustError('key-unwritable', text)
      }
      const plain = secret.slice()
      begun ??= begin()
      const lock = await begun
      const sealed = sealer(await work(lock), { context: contextOf(name) }).seal(plain)
      const digest = digestOf(lock, sealed)
      await writeKey(directory, name, keyCodec.encode({ name, ...lock, sealed, digest }))
    },
  }
}

function digestOf({ cost, salt }: Lock, sealed: Uint8Array): Uint8Array {
  const { memoryKib, passes, lanes } = cost
  return sha256(new TextEncoder().encode(`${memoryKib} ${passes} ${lanes} `), salt, sealed)
}

// A sealed key opens only under the name it was sealed for.
function contextOf(name: string): string {
  return `trustchain key ${name}`
}

function demandName(name: string): void {
  if (NAME.test(name)) return
  throw new TrustError('key-name', `${JSON.stringify(name)} cannot be the name of a key`)
}

function damagedKey(directory: string, name: string): TrustError {
  const advice = 'restore it from a backup; it is not replaced by a new one'
  return new TrustError('key-damaged', `the key ${name} in ${directory} is damaged: ${advice}`)
}
