import { draw, equal, signingKeyFromSeed } from '@hypermesh/crypto'
import type { NativeScheme, Random, SigningKey } from '@hypermesh/crypto'
import {
  CERTIFICATE_SIZE_MAX,
  assemble,
  fingerprint,
  readCertificate,
} from '../certificate/certificate.ts'
import type { Certificate } from '../certificate/certificate.ts'
import { TrustError } from '../errors.ts'
import type { KeyStore } from '../keys/keystore.ts'
import { entryCodec, signEntry } from '../ledger/entry.ts'
import { drawSerial } from './serial.ts'
import type { Store } from './store.ts'
import { toBeSigned } from './tbs.ts'
import type { Issuer } from './template.ts'

/** RFC 9881; NIST's category 3. */
const AUTHORITY_SCHEME: NativeScheme = 'ml-dsa-65'

/** Bytes of the seed a key is made of (FIPS 204: xi). */
const SEED_LENGTH = 32

const YEAR_MS = 365n * 86_400_000n
const ROOT_LIFETIME_MS = 20n * YEAR_MS
const INTERMEDIATE_LIFETIME_MS = 10n * YEAR_MS

/** Certificates are valid from a little before now: the clocks of a mesh differ. */
const SLACK_MS = 300_000n

/** A root may vouch for another root, which has its intermediate: two authorities below it. */
const ROOT_BELOW = 2

/** What an authority is: two keys and their certificates. */
export interface Standing {
  readonly root: { readonly key: SigningKey; readonly certificate: Certificate }
  readonly intermediate: { readonly key: SigningKey; readonly certificate: Certificate }
}

interface Founding {
  readonly store: Store
  readonly keys: KeyStore
  readonly mesh: string
  readonly now: bigint
  readonly random: Random
}

/**
 * Opens the authority that the store holds, or founds one where neither store nor keys know of any.
 *
 * @throws {TrustError} `store-missing`, `store-damaged`, `key-missing`, `key-mismatch`, `other-mesh`.
 */
export async function standing(founding: Founding): Promise<Standing> {
  const { store, keys, mesh } = founding
  const marker = await keys.load(`${mesh}-founded`)
  const first = store.lines().next().value
  if (!first && marker) throw missing(mesh)
  const { root, intermediate } = first ? recall(first.entry, mesh) : await found(founding)
  const print = fingerprint(root.der)
  // A crash between founding and marking leaves no marker.
  if (!marker) await keys.save(`${mesh}-founded`, print)
  else if (!equal(marker, print)) {
    throw new TrustError('key-mismatch', `the keys of ${mesh} belong to another store`)
  }
  return {
    root: { key: await signer(keys, `${mesh}-root`, root), certificate: root },
    intermediate: {
      key: await signer(keys, `${mesh}-intermediate`, intermediate),
      certificate: intermediate,
    },
  }
}

/** When a certificate made now begins to be valid. */
export function early(now: bigint): bigint {
  return now > SLACK_MS ? now - SLACK_MS : 0n
}

/** What to say when the keys exist and the store does not. */
export function missing(mesh: string): TrustError {
  const advice = 'restore it; to begin anew, with a root that no node knows, remove the keys too'
  return new TrustError(
    'store-missing',
    `the keys of ${mesh} are here but its store is gone: ${advice}`,
  )
}

interface Pair {
  readonly root: Certificate
  readonly intermediate: Certificate
}

function recall(entry: Uint8Array, mesh: string): Pair {
  const decoded = entryCodec.decode(entry)
  if (!decoded.ok || decoded.value.body.type !== 'authority') {
    throw new TrustError(
      'store-damaged',
      'the journal does not begin with its authority: restore it',
    )
  }
  const { body } = decoded.value
  if (body.mesh !== mesh) {
    throw new TrustError('other-mesh', `this store is of the mesh ${body.mesh}, not ${mesh}`)
  }
  return { root: certificateOf(body.root), intermediate: certificateOf(body.intermediate) }
}

async function found({ store, keys, mesh, now, random }: Founding): Promise<Pair> {
  const rootKey = await makeKey(keys, `${mesh}-root`, random)
  const intermediateKey = await makeKey(keys, `${mesh}-intermediate`, random)
  const rootName = `${mesh} root`
  const { scheme, publicKey } = rootKey
  const issuer: Issuer = { name: rootName, scheme, publicKey }
  const notBefore = early(now)
  const make = async (
    name: string,
    key: SigningKey,
    lifetimeMs: bigint,
    below: number,
  ): Promise<Uint8Array> => {
    const tbs = await toBeSigned({
      serial: drawSerial(random),
      issuer,
      key,
      notBefore,
      notAfter: now + lifetimeMs,
      kind: { type: 'authority', name, below },
    })
    return assemble(tbs, rootKey.sign(tbs))
  }
  const root = await make(rootName, rootKey, ROOT_LIFETIME_MS, ROOT_BELOW)
  const intermediate = await make(
    `${mesh} intermediate`,
    intermediateKey,
    INTERMEDIATE_LIFETIME_MS,
    0,
  )
  store.intend(signEntry({ type: 'authority', mesh, root, intermediate }, rootKey))
  return { root: certificateOf(root), intermediate: certificateOf(intermediate) }
}

// Loaded before it is made: a founding that crashed has saved it already.
async function makeKey(keys: KeyStore, name: string, random: Random): Promise<SigningKey> {
  const saved = await keys.load(name)
  const seed = saved ?? draw(random, SEED_LENGTH)
  if (!saved) await keys.save(name, seed)
  return keyFrom(seed, name)
}

async function signer(keys: KeyStore, name: string, of: Certificate): Promise<SigningKey> {
  const seed = await keys.load(name)
  if (!seed) {
    const advice = 'restore the key store that belongs to this authority'
    throw new TrustError('key-missing', `the key ${name} is gone: ${advice}`)
  }
  const key = keyFrom(seed, name)
  if (equal(key.publicKey, of.key.bytes)) return key
  throw new TrustError('key-mismatch', `the key ${name} is not the one in its certificate`)
}

function keyFrom(seed: Uint8Array, name: string): SigningKey {
  if (seed.length === SEED_LENGTH) return signingKeyFromSeed(AUTHORITY_SCHEME, seed)
  throw new TrustError('key-damaged', `the key ${name} is ${seed.length} bytes, not ${SEED_LENGTH}`)
}

function certificateOf(der: Uint8Array): Certificate {
  const reading = readCertificate(der)
  if (reading.ok) return reading.certificate
  const why = `${reading.refusal.detail}, at most ${CERTIFICATE_SIZE_MAX} bytes`
  throw new TrustError('store-damaged', `a certificate of the authority cannot be read: ${why}`)
}
