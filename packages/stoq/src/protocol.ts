import { StoqError } from './errors.ts'
import { PROTOCOL_LENGTH_MAX } from './limits.ts'

/** Visible ASCII: one name has one spelling. */
const NAME = /^[\x21-\x7e]+$/

/** @throws {StoqError} `bad-protocol` when the name is not 1 to 64 visible ASCII characters. */
export function encodeProtocol(name: string): Uint8Array {
  if (!NAME.test(name) || name.length > PROTOCOL_LENGTH_MAX) {
    throw new StoqError('bad-protocol', `${JSON.stringify(name)} is not a protocol's name`)
  }
  return new TextEncoder().encode(name)
}

/** Undefined when the bytes are no protocol's name. */
export function decodeProtocol(bytes: Uint8Array): string | undefined {
  if (bytes.length > PROTOCOL_LENGTH_MAX) return undefined
  const name = String.fromCharCode(...bytes)
  return NAME.test(name) ? name : undefined
}
