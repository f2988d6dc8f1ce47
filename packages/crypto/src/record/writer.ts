import { MAJOR, SIMPLE } from './major.ts'

const utf8 = new TextEncoder()

/** A text as CBOR, for one that is written often. */
export function encodedText(text: string): Uint8Array {
  const writer = new Writer()
  writer.text(text)
  return writer.finish()
}

/** Writes CBOR with the shortest heads, RFC 8949 section 4.2.1. */
export class Writer {
  /** Where the writing is, for the error. */
  readonly path: (string | number)[] = []
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  uint(value: bigint): void {
    if (value <= 0xffff_ffffn) return this.#head(MAJOR.uint, Number(value))
    this.#reserve(9)
    this.#bytes[this.#length] = (MAJOR.uint << 5) | 27
    this.#view.setBigUint64(this.#length + 1, value)
    this.#length += 9
  }

  count(value: number): void {
    if (value > 0xffff_ffff) return this.uint(BigInt(value))
    this.#head(MAJOR.uint, value)
  }

  bytes(value: Uint8Array): void {
    this.#head(MAJOR.bytes, value.length)
    this.#append(value)
  }

  /** @returns the length in bytes of UTF-8. */
  text(value: string): number {
    const bytes = utf8.encode(value)
    this.#head(MAJOR.text, bytes.length)
    this.#append(bytes)
    return bytes.length
  }

  list(length: number): void {
    this.#head(MAJOR.array, length)
  }

  map(length: number): void {
    this.#head(MAJOR.map, length)
  }

  /** Bytes that are CBOR already. */
  encoded(bytes: Uint8Array): void {
    this.#append(bytes)
  }

  bool(value: boolean): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value ? SIMPLE.true : SIMPLE.false
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  // `value` is below 2^32: nothing in memory is longer, and greater numbers go through `uint`.
  #head(major: number, value: number): void {
    this.#reserve(5)
    const at = this.#length
    const kind = major << 5
    if (value < 24) {
      this.#bytes[at] = kind | value
      this.#length += 1
    } else if (value < 0x100) {
      this.#bytes[at] = kind | 24
      this.#bytes[at + 1] = value
      this.#length += 2
    } else if (value < 0x1_0000) {
      this.#bytes[at] = kind | 25
      this.#view.setUint16(at + 1, value)
      this.#length += 3
    } else {
      this.#bytes[at] = kind | 26
      this.#view.setUint32(at + 1, value)
      this.#length += 5
    }
  }

  #append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + size))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}
