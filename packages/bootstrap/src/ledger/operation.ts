import { concat, field, record, union, verify } from '@hypermesh/crypto'
import type { Codec, SigningKey } from '@hypermesh/crypto'

/** Longest body. A registration with its proof is the largest. */
const BODY_SIZE_MAX = 160 * 1024

/** Longest operation: a body and its signature. */
export const OPERATION_SIZE_MAX: number = BODY_SIZE_MAX + 512

const CERTIFICATE_SIZE_MAX = 32 * 1024
const ENTRY_SIZE_MAX = 64 * 1024

const SIGNING_DOMAIN = new TextEncoder().encode('hypermesh/operation/1\0')

/** What the mesh's ledger can be asked to hold. */
export type Body =
  /** One root's certificate for another root's key. */
  | {
      readonly type: 'cross'
      /** SHA-256 of the root certificate that vouches. */
      readonly issuer: Uint8Array
      /** SHA-256 of the root certificate that is vouched for. */
      readonly subject: Uint8Array
      readonly certificate: Uint8Array
    }
  /** What an authority is about to issue or has revoked: an entry of its own format. */
  | { readonly type: 'issuance'; readonly entry: Uint8Array }
  /** Where the author is reached. */
  | {
      readonly type: 'name'
      readonly name: string
      readonly falcon: Uint8Array
      readonly host: string
      readonly port: number
      readonly sequence: bigint
    }
  /** What the author says it stores and has worked out, before it knows what it will be asked. */
  | { readonly type: 'commitment'; readonly commitment: Uint8Array }
  /** A registration, a lease or its end: an operation of the assets' own format. */
  | { readonly type: 'asset'; readonly operation: Uint8Array }
  | { readonly type: 'receipt'; readonly receipt: Uint8Array }
  /** What another node got when it ran the receipt's program on the receipt's input. */
  | {
      readonly type: 'verdict'
      readonly receipt: Uint8Array
      readonly output: Uint8Array
    }

export interface Operation {
  /** Ed25519 key of whoever asks. */
  readonly author: Uint8Array
  readonly body: Body
}

const bodyCodec: Codec<Body> = union('hypermesh/operation-body', 1, BODY_SIZE_MAX, {
  cross: {
    issuer: field.bytes({ length: 32 }),
    subject: field.bytes({ length: 32 }),
    certificate: field.bytes({ max: CERTIFICATE_SIZE_MAX }),
  },
  issuance: { entry: field.bytes({ max: ENTRY_SIZE_MAX }) },
  name: {
    name: field.text({ max: 63 }),
    falcon: field.bytes({ length: 1793 }),
    host: field.text({ max: 255 }),
    port: field.count({ max: 65_535 }),
    sequence: field.uint(),
  },
  commitment: { commitment: field.bytes({ max: 4096 }) },
  asset: { operation: field.bytes({ max: BODY_SIZE_MAX - 1024 }) },
  receipt: { receipt: field.bytes({ max: 16 * 1024 }) },
  verdict: { receipt: field.bytes({ length: 32 }), output: field.bytes({ length: 32 }) },
})

const operationCodec = record('hypermesh/operation', 1, OPERATION_SIZE_MAX, {
  author: field.bytes({ length: 32 }),
  body: field.bytes({ max: BODY_SIZE_MAX }),
  signature: field.bytes({ length: 64 }),
})

/**
 * Signs a request to the ledger `chain`, for `ledger.consensus.submit`; `ledger.submit` does both for a node's own.
 * Ed25519 is deterministic: the same request is the same bytes.
 */
export function signOperation(key: SigningKey, chain: Uint8Array, body: Body): Uint8Array {
  const encoded = bodyCodec.encode(body)
  return operationCodec.encode({
    author: key.publicKey,
    body: encoded,
    signature: key.sign(concat(SIGNING_DOMAIN, chain, encoded)),
  })
}

/** @returns Undefined for bytes that are no operation of this chain, signed by its author. */
export function readOperation(bytes: Uint8Array, chain: Uint8Array): Operation | undefined {
  const envelope = operationCodec.decode(bytes)
  if (!envelope.ok) return undefined
  const { author, body, signature } = envelope.value
  const message = concat(SIGNING_DOMAIN, chain, body)
  if (!verify('ed25519', author, message, signature)) return undefined
  const decoded = bodyCodec.decode(body)
  return decoded.ok ? { author, body: decoded.value } : undefined
}
