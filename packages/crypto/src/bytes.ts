import { timingSafeEqual } from 'node:crypto'

import { CryptoError } from './errors.ts'

const PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += PAIRS[byte]
  return text
}

/**
 * Reads lower-case hexadecimal. Upper case is refused: one value has one text.
 *
 * @throws {CryptoError} `not-hex` when a character is not a lower-case digit or the length is odd.
 */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0) throw new CryptoError('not-hex', `${text.length} digits are odd`)
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index++) {
    const high = digit(text, 2 * index)
    const low = digit(text, 2 * index + 1)
    bytes[index] = high * 16 + low
  }
  return bytes
}

/** All parts, one after the other, in new memory. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/** Whether both hold the same bytes; takes as long for a first difference as for a last one. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

// The text may be a secret in hexadecimal, so the message names the place and not the character.
function digit(text: string, at: number): number {
  const code = text.charCodeAt(at)
  if (code >= 48 && code <= 57) return code - 48
  if (code >= 97 && code <= 102) return code - 87
  throw new CryptoError('not-hex', `no lower-case hexadecimal digit at ${at}`)
}
