/* oxlint-disable typescript/no-unsafe-type-assertion -- Misuse is part of what is tested. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import {
  concat,
  fromHex,
  generateSigner,
  sha256,
  signatureSizes,
  signerFromSecret,
  signingKeyFromSeed,
  verify,
  verifySignature,
} from '@hypermesh/crypto'
import type { OwnedSigner, SignatureScheme } from '@hypermesh/crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { lacking, vectorText } from './vectors.ts'

const message = new TextEncoder().encode('a message of some length')
const HYBRIDS = ['ed25519+ml-dsa-65', 'ed25519+ml-dsa-87', 'ed25519+falcon-1024'] as const
const SCHEMES = ['ed25519', 'ml-dsa-65', 'ml-dsa-87', 'falcon-1024', ...HYBRIDS] as const

// FALCON keys take half a second each, so the tests share these.
const signers = new Map<SignatureScheme, OwnedSigner>()
beforeAll(async () => {
  for (const scheme of SCHEMES) signers.set(scheme, await generateSigner(scheme))
})
afterAll(async () => {
  for (const signer of signers.values()) await signer.close()
})
const signerOf = (scheme: SignatureScheme): OwnedSigner => signers.get(scheme)!

test.each(SCHEMES)('%s: a signature fits its message and key, and no other', async (scheme) => {
  const signer = signerOf(scheme)
  const signature = await signer.sign(message)
  const sizes = signatureSizes(scheme)
  expect(signer.publicKey.length).toBe(sizes.publicKey)
  expect(signature.length).toBeLessThanOrEqual(sizes.signatureMax)
  const check = async (key: Uint8Array, text: Uint8Array, proof: Uint8Array): Promise<boolean> =>
    verifySignature(scheme, key, text, proof)
  expect(await check(signer.publicKey, message, signature)).toBe(true)
  expect(await check(signer.publicKey, message.subarray(1), signature)).toBe(false)
  for (const place of [0, 31, 63, 64, 70, signature.length - 10]) {
    const bad = signature.slice()
    bad[place % bad.length]! ^= 4
    expect(await check(signer.publicKey, message, bad), `byte ${place}`).toBe(false)
  }
  for (const place of [0, 31, 32, 100, signer.publicKey.length - 1]) {
    const bad = signer.publicKey.slice()
    bad[place % bad.length]! ^= 4
    expect(await check(bad, message, signature), `key byte ${place}`).toBe(false)
  }
  for (const length of [0, 1, 63, 64, 65, signature.length - 1]) {
    expect(
      await check(signer.publicKey, message, signature.subarray(0, length % signature.length)),
    ).toBe(false)
    expect(await check(signer.publicKey.subarray(0, length), message, signature)).toBe(
      length >= signer.publicKey.length,
    )
  }
  expect(await check(signer.publicKey, message, new Uint8Array(10_000))).toBe(false)
  expect(await check(new Uint8Array(10_000), message, signature)).toBe(false)
})

test.each(SCHEMES)('%s: the secret brings the same key back', async (scheme) => {
  const signer = signerOf(scheme)
  await using again = await signerFromSecret(scheme, signer.secret())
  expect(again.publicKey).toEqual(signer.publicKey)
  const signature = await again.sign(message)
  expect(await verifySignature(scheme, signer.publicKey, message, signature)).toBe(true)
})

test.each(HYBRIDS)('%s: both halves must be valid', async (scheme) => {
  const signer = signerOf(scheme)
  const [first, second] = [await signer.sign(message), await signer.sign(message.subarray(1))]
  // One half of a good signature beside one half of a signature of something else.
  const mixed = [
    concat(first.subarray(0, 64), second.subarray(64)),
    concat(second.subarray(0, 64), first.subarray(64)),
  ]
  for (const signature of mixed) {
    expect(await verifySignature(scheme, signer.publicKey, message, signature)).toBe(false)
  }
})

test.each(HYBRIDS)('%s: a half is no signature of the message alone', async (scheme) => {
  const signer = signerOf(scheme)
  const signature = await signer.sign(message)
  const classical = signature.subarray(0, 64)
  expect(verify('ed25519', signer.publicKey.subarray(0, 32), message, classical)).toBe(false)
  const post = scheme.slice('ed25519+'.length) as SignatureScheme
  const key = signer.publicKey.subarray(32)
  expect(await verifySignature(post, key, message, signature.subarray(64))).toBe(false)
})

test.each(HYBRIDS)('%s: signatures made by the halves alone are no hybrid one', async (scheme) => {
  const signer = signerOf(scheme)
  const secret = signer.secret()
  const classical = signingKeyFromSeed('ed25519', secret.subarray(0, 32))
  const post = scheme.slice('ed25519+'.length) as SignatureScheme
  await using other = await signerFromSecret(post, secret.subarray(32))
  const forged = concat(classical.sign(message), await other.sign(message))
  expect(await verifySignature(scheme, signer.publicKey, message, forged)).toBe(false)
})

test('a half of a hybrid fits no hybrid with another other half', async () => {
  const signer = signerOf('ed25519+ml-dsa-65')
  const seed = signer.secret().subarray(0, 32)
  const stranger = await signerFromSecret(
    'ed25519+ml-dsa-65',
    concat(seed, sha256(new TextEncoder().encode('another ML-DSA key'))),
  )
  const [ours, theirs] = [await signer.sign(message), await stranger.sign(message)]
  const mixed = concat(ours.subarray(0, 64), theirs.subarray(64))
  expect(await verifySignature('ed25519+ml-dsa-65', stranger.publicKey, message, mixed)).toBe(false)
})

// The format of what the halves sign, written out: label, scheme, component, hash of the keys, message.
test('the classical half of a hybrid signs these bytes', async () => {
  const signer = signerOf('ed25519+ml-dsa-87')
  const names = 'hypermesh/hybrid-signature/1\0ed25519+ml-dsa-87\0ed25519\0'
  const text = concat(new TextEncoder().encode(names), sha256(signer.publicKey), message)
  const signature = await signer.sign(message)
  const key = signer.publicKey.subarray(0, 32)
  expect(verify('ed25519', key, text, signature.subarray(0, 64))).toBe(true)
})

test('a FALCON secret that is none is an error', async () => {
  await expect(signerFromSecret('falcon-1024', new Uint8Array(2305))).rejects.toThrow(
    expect.objectContaining({ code: 'bad-key' }),
  )
  await expect(signerFromSecret('falcon-1024', new Uint8Array(10))).rejects.toThrow(
    expect.objectContaining({ code: 'wrong-length' }),
  )
})

test('an unknown scheme is false to verify and an error to use', async () => {
  for (const name of ['rsa', 'constructor', 'ed25519+', 'ed25519+ed25519']) {
    const scheme = name as SignatureScheme
    expect(await verifySignature(scheme, message, message, message)).toBe(false)
    const refused = expect.objectContaining({ code: 'unknown-scheme' })
    await expect(generateSigner(scheme)).rejects.toThrow(refused)
    await expect(signerFromSecret(scheme, message)).rejects.toThrow(refused)
    expect(() => signatureSizes(scheme)).toThrow(refused)
  }
})

test('more FALCON work than may wait is refused, and the rest is done', async () => {
  const signer = signerOf('falcon-1024')
  const signature = await signer.sign(message)
  const asked = Array.from({ length: 300 }, async () =>
    verifySignature('falcon-1024', signer.publicKey, message, signature),
  )
  // What cannot be a signature does not even wait.
  const { publicKey } = signer
  expect(await verifySignature('falcon-1024', publicKey, message, new Uint8Array(1463))).toBe(false)
  expect(await verifySignature('falcon-1024', publicKey.subarray(1), message, signature)).toBe(
    false,
  )
  const answers = await Promise.allSettled(asked)
  const valid = answers.filter((answer) => answer.status === 'fulfilled' && answer.value)
  const busy = answers.filter(
    (answer) => answer.status === 'rejected' && (answer.reason as { code: string }).code === 'busy',
  )
  expect([valid.length, busy.length]).toEqual([256, 44])
})

test('a closed signer signs no more and shows no secret', async () => {
  const signer = await signerFromSecret('falcon-1024', signerOf('falcon-1024').secret())
  const underWay = signer.sign(message)
  await signer.close()
  await signer.close()
  const signature = await underWay
  expect(await verifySignature('falcon-1024', signer.publicKey, message, signature)).toBe(true)
  const closed = expect.objectContaining({ code: 'closed' })
  await expect(signer.sign(message)).rejects.toThrow(closed)
  expect(() => signer.secret()).toThrow(closed)
})

const run = promisify(execFile)
const conditions = ['--conditions=@hypermesh/source', '--disable-warning=ExperimentalWarning']
const folder = fileURLToPath(new URL('..', import.meta.url))
/** What a program with our names at hand prints. */
async function printed(source: string, ...flags: readonly string[]): Promise<string> {
  const text = `import { generateSigner, verifySignature } from '@hypermesh/crypto'\n${source}`
  const argv = [...conditions, ...flags, '--input-type=module', '-e', text]
  const ended = await run(process.execPath, argv, { cwd: folder, timeout: 20_000 })
  return ended.stdout
}

test('the FALCON thread keeps no process alive, and an awaited answer does', async () => {
  const source = `
    const signer = await generateSigner('falcon-1024')
    const bytes = new Uint8Array(3)
    console.log(await verifySignature('falcon-1024', signer.publicKey, bytes, await signer.sign(bytes)))`
  expect(await printed(source)).toBe('true\n')
})

test('the FALCON thread ends with the last signer', async () => {
  const source = `
    const threads = () => process.report.getReport().workers.length
    const [one, two] = await Promise.all([generateSigner('falcon-1024'), generateSigner('falcon-1024')])
    await one.close()
    const held = threads()
    await two.close()
    console.log(held, threads())`
  expect(await printed(source)).toBe('1 0\n')
})

test.each([
  ['start', ['--permission', '--allow-fs-read=*'], ''],
  ['go on', [], `process.on('worker', (thread) => setImmediate(() => thread.terminate()))`],
])('where the FALCON thread cannot %s, every job says so', async (_, flags, before) => {
  const source = `${before}
    for (let attempt = 0; attempt < 2; attempt++) {
      const jobs = [generateSigner('falcon-1024'), generateSigner('falcon-1024')]
      for (const job of await Promise.allSettled(jobs)) console.log(job.reason?.code)
    }`
  expect(await printed(source, ...flags)).toBe('worker-failed\n'.repeat(4))
})

const KNOWN = 'falcon/falcon1024-KAT.rsp'
test.skipIf(lacking(KNOWN))('FALCON-1024: the known answers of round 3', async () => {
  const cases = vectorText(KNOWN)
    .split('\n\n')
    .map((part) => Object.fromEntries(part.split('\n').map((line) => line.split(' = '))))
    .filter((one): one is { msg: string; pk: string; sk: string; sm: string } => 'sm' in one)
    .slice(0, 10)
  expect(cases).toHaveLength(10)
  for (const { msg, pk, sk, sm } of cases) {
    const [text, key, signed] = [msg, pk, sm].map((hex) => fromHex(hex.toLowerCase()))
    // What the submission writes: length of the signature, nonce, message, header 0x2a, signature. The
    // detached form (specification section 3.11.3): header 0x3a, nonce, signature.
    const nonce = signed!.subarray(2, 42)
    const rest = signed!.subarray(42 + text!.length)
    expect(rest[0]).toBe(0x2a)
    const signature = concat(new Uint8Array([0x3a]), nonce, rest.subarray(1))
    expect(await verifySignature('falcon-1024', key!, text!, signature)).toBe(true)
    expect(await verifySignature('falcon-1024', key!, text!.subarray(1), signature)).toBe(false)
    await using signer = await signerFromSecret('falcon-1024', fromHex(sk.toLowerCase()))
    expect(signer.publicKey).toEqual(key)
  }
})
