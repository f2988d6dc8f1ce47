import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { JsonGeneralNames } from '@peculiar/x509'

/** Certificates made by the x509 library alone, good and bad, for the rules to be tried on. */

export type Scheme = 'Ed25519' | 'ML-DSA-65' | 'ML-DSA-87'

// One pair of each purpose is enough: no rule looks at what key it is.
const made = new Map<string, Promise<CryptoKeyPair>>()

export type CryptoKeyPair = webcrypto.CryptoKeyPair

export function pair(label: string, scheme: Scheme): Promise<CryptoKeyPair> {
  const id = `${label} ${scheme}`
  const known = made.get(id)
  if (known) return known
  const fresh = generate(scheme)
  made.set(id, fresh)
  return fresh
}

async function generate(scheme: Scheme): Promise<CryptoKeyPair> {
  const fresh: unknown = await webcrypto.subtle.generateKey({ name: scheme }, true, [
    'sign',
    'verify',
  ])
  if (isPair(fresh)) return fresh
  throw new Error(`${scheme} made no pair`)
}

function isPair(value: unknown): value is CryptoKeyPair {
  return typeof value === 'object' && value !== null && 'privateKey' in value
}

export interface Spec {
  subject: string
  issuer: string
  serial: string
  from: bigint
  until: bigint
  keys: CryptoKeyPair
  signer: CryptoKeyPair
  /** SubjectPublicKeyInfo, in place of that of `keys`. */
  info?: Uint8Array<ArrayBuffer>
  /** Extensions by name; `undefined` leaves one out. */
  extensions: Record<string, Extension | undefined>
}

export const NOW = 1_800_000_000_000n
const DAY = 86_400_000n

export const { keyCertSign, cRLSign, digitalSignature } = KeyUsageFlags
export const CLIENT = ExtendedKeyUsage.clientAuth
export const SERVER = ExtendedKeyUsage.serverAuth

export const constraints = (isAuthority: boolean, below?: number) =>
  new BasicConstraintsExtension(isAuthority, below, true)
export const usage = (flags: KeyUsageFlags) => new KeyUsagesExtension(flags, true)
export const purposes = (...list: ExtendedKeyUsage[]) => new ExtendedKeyUsageExtension(list)
export const names = (...list: JsonGeneralNames) => new SubjectAlternativeNameExtension(list, true)
export const unknown = (isCritical: boolean) =>
  new Extension('1.3.6.1.4.1.99999.1', isCritical, Uint8Array.of(5, 0))

export async function forge(spec: Spec): Promise<Uint8Array> {
  const certificate = await X509CertificateGenerator.create({
    serialNumber: spec.serial,
    subject: spec.subject,
    issuer: spec.issuer,
    notBefore: new Date(Number(spec.from)),
    notAfter: new Date(Number(spec.until)),
    publicKey: spec.info ?? spec.keys.publicKey,
    signingKey: spec.signer.privateKey,
    extensions: Object.values(spec.extensions).filter((one) => one !== undefined),
  })
  return new Uint8Array(certificate.rawData)
}

export interface Changes {
  leaf?: Partial<Spec>
  intermediate?: Partial<Spec>
  root?: Partial<Spec>
}

/** A chain in good order but for `changes`: leaf, intermediate, root. */
export async function forgeChain(
  changes: Changes = {},
): Promise<[Uint8Array, Uint8Array, Uint8Array]> {
  const [root, intermediate, leaf] = await Promise.all([
    pair('root', 'ML-DSA-65'),
    pair('intermediate', 'ML-DSA-65'),
    pair('leaf', 'Ed25519'),
  ])
  const times = { from: NOW - DAY, until: NOW + DAY }
  const specs: [Spec, Spec, Spec] = [
    {
      ...times,
      subject: '',
      issuer: 'CN=m intermediate',
      serial: '0a',
      keys: leaf,
      signer: intermediate,
      extensions: {
        constraints: constraints(false),
        usage: usage(digitalSignature),
        purposes: purposes(CLIENT, SERVER),
        names: names({ type: 'dns', value: 'node-1' }),
        ...changes.leaf?.extensions,
      },
    },
    {
      ...times,
      subject: 'CN=m intermediate',
      issuer: 'CN=m root',
      serial: '0b',
      keys: intermediate,
      signer: root,
      extensions: {
        constraints: constraints(true, 0),
        usage: usage(keyCertSign | cRLSign),
        ...changes.intermediate?.extensions,
      },
    },
    {
      ...times,
      subject: 'CN=m root',
      issuer: 'CN=m root',
      serial: '0c',
      keys: root,
      signer: root,
      extensions: {
        constraints: constraints(true, 2),
        usage: usage(keyCertSign | cRLSign),
        ...changes.root?.extensions,
      },
    },
  ]
  const [leafSpec, intermediateSpec, rootSpec] = specs
  return Promise.all([
    forge({ ...leafSpec, ...changes.leaf, extensions: leafSpec.extensions }),
    forge({
      ...intermediateSpec,
      ...changes.intermediate,
      extensions: intermediateSpec.extensions,
    }),
    forge({ ...rootSpec, ...changes.root, extensions: rootSpec.extensions }),
  ])
}
