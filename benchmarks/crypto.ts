/**
 * Each primitive beside the same one of the noble libraries, which are written in JavaScript throughout.
 *
 * The two sides take turns in short rounds, so that what else the machine does falls on both; a figure is the
 * median of its rounds, in operations per second of CPU time of the whole process, threads included.
 */

import {
  decapsulate,
  encapsulate,
  field,
  generateAgreementKey,
  generateSigner,
  generateSigningKey,
  opener,
  record,
  sealer,
  sha256,
  sha3,
  verify,
  verifySignature,
  type AgreementKey,
  type NativeScheme,
} from '@hypermesh/crypto'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { falcon1024 } from '@noble/post-quantum/falcon.js'
import { ml_dsa65, ml_dsa87 } from '@noble/post-quantum/ml-dsa.js'
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js'

const ROUNDS = 7
const ROUND_MS = 120

/** One way to do one thing; what it gives is checked once, before it is measured. */
type Act = () => unknown

interface Pair {
  readonly name: string
  readonly ours: Act
  readonly noble?: Act
}

const message = new Uint8Array(256).fill(7)

export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  print(`${'operations per CPU second'.padEnd(28)} ${'ours'.padStart(10)} ${'noble'.padStart(10)}`)
  const figures: Record<string, number> = {}
  for (const pair of await pairs()) {
    const { ours, noble } = await compare(pair)
    figures[pair.name] = ours
    if (noble !== undefined) figures[`noble ${pair.name}`] = noble
    const beside = noble === undefined ? '' : `${cell(noble)} ${cell(ours / noble, 1)} x`
    print(`${pair.name.padEnd(28)} ${cell(ours)} ${beside}`)
  }
  return figures
}

async function compare({ name, ours, noble }: Pair): Promise<{ ours: number; noble?: number }> {
  const sides = noble ? [ours, noble] : [ours]
  for (const side of sides) {
    const result = await side()
    if (result === undefined || result === false) throw new Error(`${name} gave no result`)
  }
  const rates: number[][] = sides.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, side] of sides.entries()) rates[index]?.push(await rate(side))
  }
  const [first = 0, second] = rates.map(median)
  return second === undefined ? { ours: first } : { ours: first, noble: second }
}

// Until the round's time of CPU has been spent. The clock is read after every batch; a batch grows until it
// takes a millisecond, because reading the clock takes longer than the fastest calls.
async function rate(act: Act): Promise<number> {
  const before = process.cpuUsage()
  let calls = 0
  let batch = 1
  let spent = 0
  while (spent < ROUND_MS * 1000) {
    for (let call = 0; call < batch; call++) {
      const result = act()
      if (result instanceof Promise) await result
    }
    calls += batch
    const { user, system } = process.cpuUsage(before)
    if (user + system - spent < 1000) batch *= 2
    spent = user + system
  }
  return (calls * 1e6) / spent
}

async function pairs(): Promise<readonly Pair[]> {
  return [
    ...ed25519Pairs(),
    ...mlDsaPairs('ml-dsa-65', ml_dsa65),
    ...mlDsaPairs('ml-dsa-87', ml_dsa87),
    ...(await falconPairs()),
    ...agreementPairs(),
    ...recordPairs(),
  ]
}

function ed25519Pairs(): readonly Pair[] {
  const key = generateSigningKey('ed25519')
  const [seed, publicKey] = [key.seed(), key.publicKey]
  const signature = key.sign(message)
  return [
    {
      name: 'ed25519 sign',
      ours: () => key.sign(message),
      noble: () => ed25519.sign(message, seed),
    },
    {
      name: 'ed25519 verify',
      ours: () => verify('ed25519', publicKey, message, signature),
      noble: () => ed25519.verify(signature, message, publicKey, { zip215: false }),
    },
  ]
}

function mlDsaPairs(scheme: NativeScheme, peer: typeof ml_dsa65): readonly Pair[] {
  const key = generateSigningKey(scheme)
  const signature = key.sign(message)
  const { secretKey } = peer.keygen(key.seed())
  return [
    {
      name: `${scheme} generate`,
      ours: () => generateSigningKey(scheme),
      noble: () => peer.keygen(),
    },
    {
      name: `${scheme} sign`,
      ours: () => key.sign(message),
      noble: () => peer.sign(message, secretKey),
    },
    {
      name: `${scheme} verify`,
      ours: () => verify(scheme, key.publicKey, message, signature),
      noble: () => peer.verify(signature, message, key.publicKey),
    },
  ]
}

// The same code, ours on another thread: what differs is the way there and back.
async function falconPairs(): Promise<readonly Pair[]> {
  const signer = await generateSigner('falcon-1024')
  const [secret, publicKey] = [signer.secret(), signer.publicKey]
  const signature = await signer.sign(message)
  return [
    {
      name: 'falcon-1024 sign',
      ours: async () => signer.sign(message),
      noble: () => falcon1024.sign(message, secret),
    },
    {
      name: 'falcon-1024 verify',
      ours: async () => verifySignature('falcon-1024', publicKey, message, signature),
      noble: () => falcon1024.verify(signature, message, publicKey),
    },
  ]
}

// Ours derives the secret from the transcript as well; noble's side is the bare primitive.
function agreementPairs(): readonly Pair[] {
  const x = generateAgreementKey('x25519')
  const kem = generateAgreementKey('ml-kem-1024')
  const both = generateAgreementKey('x25519+ml-kem-1024')
  const [toX, toKem, toBoth] = [x, kem, both].map(messageTo)
  const secretKey = ml_kem1024.keygen(kem.seed()).secretKey
  if (!toX || !toKem || !toBoth) throw new Error('a key of ours is refused')
  return [
    {
      name: 'x25519 encapsulate',
      ours: () => encapsulate('x25519', x.publicKey),
      noble: () => {
        const ephemeral = x25519.keygen()
        return x25519.getSharedSecret(ephemeral.secretKey, x.publicKey)
      },
    },
    {
      name: 'x25519 decapsulate',
      ours: () => decapsulate(x, toX),
      noble: () => x25519.getSharedSecret(x.seed(), toX),
    },
    {
      name: 'ml-kem-1024 encapsulate',
      ours: () => encapsulate('ml-kem-1024', kem.publicKey),
      noble: () => ml_kem1024.encapsulate(kem.publicKey),
    },
    {
      name: 'ml-kem-1024 decapsulate',
      ours: () => decapsulate(kem, toKem),
      noble: () => ml_kem1024.decapsulate(toKem, secretKey),
    },
    { name: 'hybrid encapsulate', ours: () => encapsulate(both.scheme, both.publicKey) },
    { name: 'hybrid decapsulate', ours: () => decapsulate(both, toBoth) },
  ]
}

function messageTo(key: AgreementKey): Uint8Array | undefined {
  return encapsulate(key.scheme, key.publicKey)?.message
}

function recordPairs(): readonly Pair[] {
  const lease = record('benchmark/lease', 1, 4096, {
    id: field.bytes({ length: 32 }),
    owner: field.bytes({ length: 32 }),
    memory: field.uint(),
    until: field.uint(),
    note: field.optional(field.text({ max: 64 })),
  })
  const value = {
    id: sha256(),
    owner: sha256(message),
    memory: 2n ** 30n,
    until: 1_900_000_000_000n,
  }
  const bytes = lease.encode(value)
  const key = sha256(message)
  const block = new Uint8Array(16_384)
  const line = sealer(key)
  const sealed = line.seal(block)
  return [
    { name: 'record encode', ours: () => lease.encode(value) },
    { name: 'record decode', ours: () => lease.decode(bytes) },
    { name: 'sha256 of 256 B', ours: () => sha256(message) },
    { name: 'sha3 of 256 B', ours: () => sha3(message) },
    { name: 'seal 16 KiB', ours: () => line.seal(block) },
    { name: 'open 16 KiB, first record', ours: () => opener(key).open(sealed) },
  ]
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

function cell(value: number, digits = 0): string {
  const options = { maximumFractionDigits: digits, minimumFractionDigits: digits }
  return value.toLocaleString('en', options).padStart(10)
}
