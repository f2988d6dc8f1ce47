import { Refused } from './refusal.ts'
import { MAJOR, SIMPLE } from './major.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Reads CBOR under the rules of RFC 8949 section 4.2.1: shortest heads, definite lengths. The caller names
 * what comes next, so nothing is built that nobody asked for, and nothing nests deeper than the caller does.
 */
export class Reader {
  /** Where the reading is, for the refusal. */
  readonly path: (string | number)[] = []
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  uint(max: bigint): bigint {
    const value = this.#head(MAJOR.uint)
    if (value > max) throw new Refused('out-of-range')
    return typeof value === 'bigint' ? value : BigInt(value)
  }

  count(max: number): number {
    const value = this.#head(MAJOR.uint)
    if (value > max) throw new Refused('out-of-range')
    return Number(value)
  }

  /** @returns a copy: the record does not change when the caller's buffer does. */
  bytes(min: number, max: number): Uint8Array {
    return this.#take(this.#length(MAJOR.bytes, min, max)).slice()
  }

  /** `max` is in bytes of UTF-8. */
  text(max: number): string {
    const bytes = this.#take(this.#length(MAJOR.text, 0, max))
    try {
      return utf8.decode(bytes)
    } catch {
      throw new Refused('malformed')
    }
  }

  /** The number of items that follow. Each is at least a byte, so more than are left is malformed. */
  list(max: number): number {
    const length = this.#length(MAJOR.array, 0, max)
    if (length > this.#left()) throw new Refused('malformed')
    return length
  }

  /** The number of pairs that follow; the caller refuses a key that it does not know. */
  map(): number {
    return this.#length(MAJOR.map, 0, Number.MAX_SAFE_INTEGER)
  }

  bool(): boolean {
    const [byte] = this.#take(1)
    if (byte === SIMPLE.true) return true
    if (byte === SIMPLE.false) return false
    throw new Refused('wrong-type')
  }

  end(): void {
    if (this.#left() > 0) throw new Refused('malformed')
  }

  #length(major: number, min: number, max: number): number {
    const length = this.#head(major)
    if (length < min || length > max) throw new Refused('out-of-range')
    return Number(length)
  }

  #head(major: number): number | bigint {
    const [byte = 0] = this.#take(1)
    if (byte >> 5 !== major) throw new Refused('wrong-type')
    const short = byte & 0x1f
    if (short < 24) return short
    if (short === 31) throw new Refused('not-canonical')
    if (short > 27) throw new Refused('malformed')
    const at = this.#offset
    this.#take(1 << (short - 24))
    if (short === 24) return atLeast(this.#view.getUint8(at), 24)
    if (short === 25) return atLeast(this.#view.getUint16(at), 0x100)
    if (short === 26) return atLeast(this.#view.getUint32(at), 0x1_0000)
    const wide = this.#view.getBigUint64(at)
    if (wide < 0x1_0000_0000n) throw new Refused('not-canonical')
    return wide
  }

  #take(length: number): Uint8Array {
    if (length > this.#left()) throw new Refused('malformed')
    const taken = this.#bytes.subarray(this.#offset, this.#offset + length)
    this.#offset += length
    return taken
  }

  #left(): number {
    return this.#bytes.length - this.#offset
  }
}

// A longer head than the value needs is a second encoding of the same value.
function atLeast(value: number, least: number): number {
  if (value < least) throw new Refused('not-canonical')
  return value
}
