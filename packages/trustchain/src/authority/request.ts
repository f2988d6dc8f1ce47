import { field, record } from '@hypermesh/crypto'

const requestCodec = record('hypermesh/certificate-request', 1, 512, {
  name: field.text({ max: 253 }),
  key: field.bytes({ length: 32 }),
})

/**
 * What a node signs with its transport key to ask for a certificate: it shows that the key is its own. It may be
 * seen and repeated by others; they gain nothing, as the answer to a repeated request is the same certificate.
 *
 * @throws {CryptoError} `bad-value` when the name is over 253 bytes or the key is not 32.
 */
export function requestBytes(name: string, key: Uint8Array): Uint8Array {
  return requestCodec.encode({ name, key })
}
