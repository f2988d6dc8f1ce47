import { toHex } from '@hypermesh/crypto'

/**
 * A strict reader of DER (X.690 section 10): one encoding per value, so two different byte strings are never
 * the same certificate. BER's other forms (indefinite or padded lengths, trailing bytes) are refused.
 */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Thrown inside this room only; `readCertificate` turns it into a refusal. */
export class Malformed extends Error {}

export interface Element {
  readonly tag: number
  readonly content: Uint8Array
  /** Tag, length and content, as they were read. */
  readonly whole: Uint8Array
}

/** Reads the elements of one constructed value in order. */
export class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** The tag of the next element, if there is one. */
  peek(): number | undefined {
    return this.#bytes[this.#at]
  }

  next(what: string): Element {
    const start = this.#at
    const tag = this.#byte(what)
    // High tag numbers (X.690 8.1.2.4) occur nowhere in RFC 5280.
    if ((tag & 0x1f) === 0x1f) throw new Malformed(`${what}: high tag number`)
    const length = this.#length(what)
    const from = this.#at
    if (length > this.#bytes.length - from) throw new Malformed(`${what}: cut short`)
    this.#at = from + length
    return {
      tag,
      content: this.#bytes.subarray(from, this.#at),
      whole: this.#bytes.subarray(start, this.#at),
    }
  }

  take(tag: number, what: string): Element {
    if (this.peek() !== tag) throw new Malformed(`${what}: not there`)
    return this.next(what)
  }

  /** Enters the next element, which must be a SEQUENCE or another constructed `tag`. */
  enter(what: string, tag: number = TAG.sequence): Reader {
    return new Reader(this.take(tag, what).content)
  }

  end(what: string): void {
    if (!this.done) throw new Malformed(`${what}: bytes left over`)
  }

  #byte(what: string): number {
    const byte = this.#bytes[this.#at]
    if (byte === undefined) throw new Malformed(`${what}: cut short`)
    this.#at += 1
    return byte
  }

  // X.690 10.1: the shortest form. Two length bytes reach 64 KiB, more than any certificate accepted here.
  #length(what: string): number {
    const first = this.#byte(what)
    if (first < 0x80) return first
    if (first === 0x81) {
      const length = this.#byte(what)
      if (length >= 0x80) return length
    }
    if (first === 0x82) {
      const length = this.#byte(what) * 256 + this.#byte(what)
      if (length >= 0x100) return length
    }
    throw new Malformed(`${what}: length not in its shortest form`)
  }
}

/** A BOOLEAN that is only written when it is true (X.690 11.1 and 11.5). */
export function readTrue(reader: Reader, what: string): boolean {
  if (reader.peek() !== TAG.boolean) return false
  const { content } = reader.next(what)
  if (content.length !== 1 || content[0] !== 0xff) throw new Malformed(`${what}: not TRUE`)
  return true
}

/** The content of a non-negative INTEGER without its sign byte. */
export function readNatural(reader: Reader, what: string, lengthMax: number): Uint8Array {
  const { content } = reader.take(TAG.integer, what)
  const [first, second] = content
  if (first === undefined || first >= 0x80) throw new Malformed(`${what}: negative or empty`)
  if (first === 0 && second !== undefined && second < 0x80) {
    throw new Malformed(`${what}: not in its shortest form`)
  }
  if (content.length > lengthMax) throw new Malformed(`${what}: longer than ${lengthMax} bytes`)
  return first === 0 && content.length > 1 ? content.subarray(1) : content
}

/** A BIT STRING of whole bytes. */
export function readOctets(reader: Reader, what: string): Uint8Array {
  const { content } = reader.take(TAG.bitString, what)
  if (content[0] !== 0) throw new Malformed(`${what}: not whole bytes`)
  return content.subarray(1)
}

/** An object identifier in its content's bytes, as lower-case hex. */
export function readOid(reader: Reader, what: string): string {
  const { content } = reader.take(TAG.oid, what)
  // X.690 8.19.2: no subidentifier starts with 0x80, and the last byte ends one.
  let starts = true
  for (const byte of content) {
    if (starts && byte === 0x80) throw new Malformed(`${what}: padded object identifier`)
    starts = byte < 0x80
  }
  if (content.length === 0 || !starts || content.length > 32) {
    throw new Malformed(`${what}: not an object identifier`)
  }
  return toHex(content)
}

/** Puts one element together again: the way a signed certificate is made of its parts. */
export function writeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  const header =
    length < 0x80
      ? [tag, length]
      : length < 0x100
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff]
  const bytes = new Uint8Array(header.length + length)
  bytes.set(header)
  let at = header.length
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
