import { CryptoError } from '../errors.ts'
import { field, pathText } from './field.ts'
import type { ChoiceOf, Choices, Field, Fields, ValueOf } from './field.ts'
import { Reader } from './reader.ts'
import { Refused } from './refusal.ts'
import type { RecordRefusal } from './refusal.ts'
import { Writer } from './writer.ts'

/** What a decoding yields. */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: RecordRefusal }

/**
 * A value's type with nothing optional. To the compiler, `{ a }` and `{ a, b? }` are assignable to each other;
 * their whole types are not. So a type cannot promise a field that its codec leaves out of the signed bytes.
 */
export type Whole<T> = T extends Uint8Array | string | bigint | number | boolean
  ? T
  : T extends readonly (infer I)[]
    ? readonly Whole<I>[]
    : { readonly [K in keyof T]-?: Whole<Exclude<T[K], undefined>> }

/** One kind of record: one value has exactly one encoding, and no two kinds share one. */
export interface Codec<T, W = Whole<T>> {
  readonly domain: string
  readonly version: number
  /** Longest encoding, in bytes; decoding checks it before it reads. */
  readonly sizeMax: number
  /** @throws {CryptoError} `bad-value` when the value does not fit the fields or the size. */
  readonly encode: (value: T) => Uint8Array
  readonly decode: (bytes: Uint8Array) => Decoded<T>
  /** Never there: it only ties the codec to {@link Whole}. */
  readonly exactly?: (value: W) => W
}

/** The type of a codec's values: `type Lease = RecordOf<typeof leaseCodec>`. */
export type RecordOf<C extends { readonly decode: (bytes: Uint8Array) => Decoded<unknown> }> =
  Extract<ReturnType<C['decode']>, { readonly ok: true }>['value']

/** Longest domain, in bytes. */
const DOMAIN_SIZE_MAX = 128

/**
 * A record with a domain and a version: the CBOR array [domain, version, fields] in the deterministic
 * encoding of RFC 8949 section 4.2.1. Sign these bytes and nothing else.
 *
 * @param sizeMax - Longest encoding in bytes.
 * @throws {CryptoError} `bad-schema` when a name or a limit cannot be used.
 */
export function record<F extends Fields>(
  domain: string,
  version: number,
  sizeMax: number,
  fields: F,
): Codec<ValueOf<F>> {
  return codec(domain, version, sizeMax, field.record(fields))
}

/**
 * One of several records, told apart by `type`: the CBOR array [domain, version, [type, fields]].
 *
 * @param sizeMax - Longest encoding in bytes.
 * @throws {CryptoError} `bad-schema` when a name or a limit cannot be used.
 */
export function union<C extends Choices>(
  domain: string,
  version: number,
  sizeMax: number,
  choices: C,
): Codec<ChoiceOf<C>> {
  return codec(domain, version, sizeMax, field.choice(choices))
}

function codec<T>(domain: string, version: number, sizeMax: number, body: Field<T>): Codec<T> {
  if (!/^[\x21-\x7e]+$/.test(domain) || domain.length > DOMAIN_SIZE_MAX) {
    throw new CryptoError('bad-schema', `${JSON.stringify(domain)} is not a domain`)
  }
  if (!Number.isSafeInteger(version) || version < 0) {
    throw new CryptoError('bad-schema', `${version} is not a version`)
  }
  if (!Number.isSafeInteger(sizeMax) || sizeMax < 1) {
    throw new CryptoError('bad-schema', `${sizeMax} is not a size`)
  }
  const head = new Writer()
  head.list(3)
  head.text(domain)
  head.count(version)
  const start = head.finish()
  const encode = (value: T): Uint8Array => {
    const writer = new Writer()
    writer.encoded(start)
    body.write(writer, value)
    const bytes = writer.finish()
    if (bytes.length > sizeMax) {
      throw new CryptoError('bad-value', `${domain} is ${bytes.length} bytes of at most ${sizeMax}`)
    }
    return bytes
  }
  const decode = (bytes: Uint8Array): Decoded<T> => {
    if (bytes.length > sizeMax) return { ok: false, refusal: { code: 'too-long' } }
    const reader = new Reader(bytes)
    try {
      if (reader.list(Number.MAX_SAFE_INTEGER) !== 3) throw new Refused('wrong-type')
      if (tag(reader) !== domain) throw new Refused('wrong-domain')
      if (reader.uint(0xffff_ffff_ffff_ffffn) !== BigInt(version))
        throw new Refused('wrong-version')
      const value = body.read(reader)
      reader.end()
      return { ok: true, value }
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const at = pathText(reader.path)
      return { ok: false, refusal: at === '' ? { code: error.code } : { code: error.code, at } }
    }
  }
  return { domain, version, sizeMax, encode, decode }
}

// A domain longer than any of ours is not ours.
function tag(reader: Reader): string {
  try {
    return reader.text(DOMAIN_SIZE_MAX)
  } catch (error) {
    if (error instanceof Refused && error.code === 'out-of-range') throw new Refused('wrong-domain')
    throw error
  }
}
