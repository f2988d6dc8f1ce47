import { field, record } from '@hypermesh/crypto'
import type { Codec, RecordRefusal } from '@hypermesh/crypto'
import { CERTIFICATE_SIZE_MAX } from '../certificate/certificate.ts'
import { TrustError } from '../errors.ts'

/** Most certificates in a chain: leaf, intermediate, and roots that vouch for one another. */
export const CHAIN_LENGTH_MAX = 6

/** Longest encoded chain in bytes: the credential a node shows. Ours are about 9 KiB without a cross-certificate. */
export const CHAIN_SIZE_MAX = 49_152

const chainCodec: Codec<{ readonly certificates: readonly Uint8Array[] }> = record(
  'hypermesh/chain',
  1,
  CHAIN_SIZE_MAX,
  {
    certificates: field.list(field.bytes({ max: CERTIFICATE_SIZE_MAX }), { max: CHAIN_LENGTH_MAX }),
  },
)

export type ChainDecoding =
  | { readonly ok: true; readonly chain: readonly Uint8Array[] }
  | { readonly ok: false; readonly refusal: RecordRefusal }

/**
 * The chain as one credential, leaf first.
 *
 * @throws {TrustError} `chain-too-long` past the limits on certificates and bytes.
 */
export function encodeChain(chain: readonly Uint8Array[]): Uint8Array {
  try {
    return chainCodec.encode({ certificates: chain })
  } catch (cause) {
    throw new TrustError('chain-too-long', `${chain.length} certificates do not fit a chain`, {
      cause,
    })
  }
}

/** Reads a credential. What it says is verified by {@link verifyChain}, not here. */
export function decodeChain(bytes: Uint8Array): ChainDecoding {
  const decoded = chainCodec.decode(bytes)
  return decoded.ok ? { ok: true, chain: decoded.value.certificates } : decoded
}
