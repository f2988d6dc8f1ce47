import { join } from 'node:path'

import type { Asset, AssetOperation } from '@hypermesh/assets'
import { assetId, signAssetOperation } from '@hypermesh/assets'
import { signOperation } from '@hypermesh/bootstrap'
import type { Body, MeshNode } from '@hypermesh/bootstrap'
import type { ReceiptBody } from '@hypermesh/catalog-vm'
import { receiptCodec } from '@hypermesh/catalog-vm'
import { field, record, signingKeyFromSeed } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import type { EntryBody } from '@hypermesh/trustchain'
import { entryCodec, fileKeys, keyId } from '@hypermesh/trustchain'
import { expect } from 'vitest'

import { passphrase } from './mesh.ts'
import type { TestMesh } from './mesh.ts'

/** Has `by` say `body` to the ledger of `node`, whoever `by` is. */
export async function say(node: MeshNode, by: SigningKey, body: Body): Promise<unknown> {
  const { consensus, chain } = node.ledger!
  return await consensus.submit(signOperation(by, chain, body))
}

/** What the ledger answers to what it does not take. */
export const refusal = (reason: string): unknown => ({
  ok: false,
  code: 'refused',
  reason: expect.stringContaining(reason),
})

export const taken: unknown = expect.objectContaining({ ok: true })

/** What an owner says of its assets, in an operation that `by` signs. */
export function assetBody(by: SigningKey, operation: AssetOperation): Body {
  return { type: 'asset', operation: signAssetOperation(by, operation) }
}

export function assetOf(owner: Uint8Array, name: string, generation = 1n): Asset {
  return {
    id: assetId(owner, 'storage', name),
    kind: 'storage',
    name,
    owner,
    capacity: 1000n,
    privacy: 'private-network',
    generation,
    attributes: [],
  }
}

// As catalog-vm signs them: here also with what no honest executor would sign.
const receiptBody = record('catalog-vm/receipt-body', 1, 1024, {
  job: field.bytes({ max: 64 }),
  program: field.bytes({ length: 32 }),
  input: field.bytes({ length: 32 }),
  output: field.bytes({ length: 32 }),
  executor: field.bytes({ length: 32 }),
  isolation: field.text({ max: 16 }),
  engine: field.text({ max: 128 }),
  usage: field.record({
    wallMs: field.count({ max: Number.MAX_SAFE_INTEGER }),
    cpuMs: field.optional(field.count({ max: Number.MAX_SAFE_INTEGER })),
    memoryPeakBytes: field.optional(field.count({ max: Number.MAX_SAFE_INTEGER })),
  }),
  startedAt: field.uint(),
  endedAt: field.uint(),
  lease: field.bytes({ max: 64 }),
})

export function receiptOf(by: SigningKey, said: Partial<ReceiptBody>): Uint8Array {
  const now = BigInt(Date.now())
  const body: ReceiptBody = {
    job: new Uint8Array(32),
    program: new Uint8Array(32).fill(1),
    input: new Uint8Array(32).fill(2),
    output: new Uint8Array(32).fill(3),
    executor: by.publicKey,
    isolation: 'isolate',
    engine: 'none',
    usage: { wallMs: 1 },
    startedAt: now,
    endedAt: now,
    lease: new Uint8Array(32),
    ...said,
  }
  return receiptCodec.encode({ ...body, signature: by.sign(receiptBody.encode(body)) })
}

const order = record('hypermesh/order', 1, 8 * 1024 * 1024, {
  finalized: field.bytes({ max: 4 * 1024 * 1024 }),
  operation: field.bytes({ max: 1024 * 1024 }),
  index: field.count({ max: 0xffff_ffff }),
  size: field.count({ max: 0xffff_ffff }),
  path: field.list(field.bytes({ length: 32 }), { max: 32 }),
})

/** The proof of an order, with another operation in its place. */
export function beside(proof: Uint8Array, operation: Uint8Array | undefined): Uint8Array {
  const decoded = order.decode(proof)
  if (!decoded.ok) throw new Error('not an order')
  return order.encode(operation ? { ...decoded.value, operation } : decoded.value)
}

const digest = field.bytes({ length: 32 })
const serial = field.text({ max: 40 })

// As trustchain signs them: here also what no honest authority would say.
const statement = record('hypermesh/trust-statement', 1, 40_960, {
  body: field.choice({
    authority: {
      mesh: field.text({ max: 63 }),
      root: field.bytes({ max: 16_384 }),
      intermediate: field.bytes({ max: 16_384 }),
    },
    issued: {
      serial,
      name: field.text({ max: 253 }),
      key: digest,
      tbs: digest,
      notAfter: field.uint(),
    },
    crossed: { serial, root: digest, tbs: digest, notAfter: field.uint() },
    revoked: { serial, reason: field.count({ max: 10 }), at: field.uint() },
  }),
  by: digest,
})

/** What an authority with the key `by` says. */
export function entryOf(by: SigningKey, body: EntryBody): Uint8Array {
  const id = keyId(by.publicKey)
  const plain = body.type === 'revoked' ? { ...body, reason: 0 } : body
  const signature = by.sign(statement.encode({ body: plain, by: id }))
  return entryCodec.encode({ body, by: id, signature })
}

export function issued(name: string, key: Uint8Array, number = 'aa'): EntryBody {
  const notAfter = BigInt(Date.now() + 86_400_000)
  return { type: 'issued', serial: number, name, key, tbs: new Uint8Array(32), notAfter }
}

export function revoked(number: string): EntryBody {
  return { type: 'revoked', serial: number, reason: 'unspecified', at: BigInt(Date.now()) }
}

/** The keys of the root of trust that a node of the mesh holds. */
export async function authorityKeys(
  { folder }: TestMesh,
  index: number,
): Promise<{ readonly root: SigningKey; readonly intermediate: SigningKey }> {
  const keys = fileKeys({ directory: join(folder, `node-${index}`, 'root', 'keys'), passphrase })
  const key = async (name: string): Promise<SigningKey> =>
    signingKeyFromSeed('ml-dsa-65', (await keys.load(name))!)
  return { root: await key('test-root'), intermediate: await key('test-intermediate') }
}
