import { draw, toHex } from '@hypermesh/crypto'
import type { Random } from '@hypermesh/crypto'

/** 128 bits: nobody can guess the next one, and two never meet. */
const SERIAL_LENGTH = 16

/** A serial in hex. Its first byte is not zero, so it has one spelling and one length. */
export function drawSerial(random: Random): string {
  const bytes = draw(random, SERIAL_LENGTH)
  bytes[0] ||= 1
  return toHex(bytes)
}
