import { CryptoError } from '../errors.ts'
import type { Reader } from './reader.ts'
import { Refused } from './refusal.ts'
import { encodedText } from './writer.ts'
import type { Writer } from './writer.ts'

/** How one value is written and read. */
export interface Field<T> {
  write(writer: Writer, value: T): void
  read(reader: Reader): T
}

/** A field whose key may be absent. */
export interface OptionalField<T> {
  readonly item: Field<T>
}

/** The fields of one record, by their keys: letters and digits, a letter first. */
export interface Fields {
  readonly [name: string]: Field<unknown> | OptionalField<unknown>
}

/** The variants of a union, by the value of their `type`. */
export interface Choices {
  readonly [name: string]: Fields
}

type Flat<T> = { [K in keyof T]: T[K] }

/** What a record with these fields looks like in a program. */
export type ValueOf<F extends Fields> = Flat<
  {
    readonly [K in keyof F as F[K] extends OptionalField<unknown> ? never : K]: F[K] extends Field<
      infer T
    >
      ? T
      : never
  } & {
    readonly [
      K in keyof F as F[K] extends OptionalField<unknown> ? K : never
    ]?: F[K] extends OptionalField<infer T> ? T : never
  }
>

/** A tagged union: each variant's fields beside its name in `type`. */
export type ChoiceOf<C extends Choices> = {
  [N in keyof C & string]: Flat<{ readonly type: N } & ValueOf<C[N]>>
}[keyof C & string]

const UINT64_MAX = 0xffff_ffff_ffff_ffffn

/** Longest key, in bytes. */
const KEY_SIZE_MAX = 64

const KEY = /^[a-z][a-z0-9]*$/i

/** The kinds of fields. Every one that a peer can make longer takes its limit. */
export const field = {
  /** Bytes of one length, or up to `max`. */
  bytes: (size: { readonly length: number } | { readonly max: number }): Field<Uint8Array> => {
    const min = 'length' in size ? size.length : 0
    const max = 'length' in size ? size.length : size.max
    return {
      write: (writer, value) => {
        demand(writer, value instanceof Uint8Array, 'is not a Uint8Array')
        demand(
          writer,
          value.length >= min && value.length <= max,
          'has the wrong size in bytes:',
          value.length,
        )
        writer.bytes(value)
      },
      read: (reader) => reader.bytes(min, max),
    }
  },

  /** Well-formed text; `max` counts bytes of UTF-8. */
  text: ({ max }: { readonly max: number }): Field<string> => ({
    write: (writer, value) => {
      demand(writer, typeof value === 'string' && value.isWellFormed(), 'is not text')
      const length = writer.text(value)
      demand(writer, length <= max, 'is too long, in bytes:', length)
    },
    read: (reader) => reader.text(max),
  }),

  /** An unsigned integer of 64 bits, always a bigint. */
  uint: ({ max = UINT64_MAX }: { readonly max?: bigint } = {}): Field<bigint> => ({
    write: (writer, value) => {
      demand(writer, typeof value === 'bigint' && value >= 0n && value <= max, 'is out of range')
      writer.uint(value)
    },
    read: (reader) => reader.uint(max),
  }),

  /** An unsigned integer that a number holds exactly. */
  count: ({ max }: { readonly max: number }): Field<number> => ({
    write: (writer, value) => {
      demand(
        writer,
        Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0) && value <= max,
        'is out of range',
      )
      writer.count(value)
    },
    read: (reader) => reader.count(max),
  }),

  bool: (): Field<boolean> => ({
    write: (writer, value) => {
      demand(writer, typeof value === 'boolean', 'is not a boolean')
      writer.bool(value)
    },
    read: (reader) => reader.bool(),
  }),

  /** Up to `max` items, in their order. */
  list: <T>(item: Field<T>, { max }: { readonly max: number }): Field<readonly T[]> => ({
    write: (writer, value) => {
      demand(writer, Array.isArray(value), 'is not a list')
      demand(writer, value.length <= max, 'has too many items:', value.length)
      writer.list(value.length)
      for (const [index, one] of value.entries())
        within(writer, index, () => item.write(writer, one))
    },
    read: (reader) => {
      const length = reader.list(max)
      const items: T[] = []
      for (let index = 0; index < length; index++) {
        items.push(within(reader, index, () => item.read(reader)))
      }
      return items
    },
  }),

  /** The key is absent where the value is undefined. */
  optional: <T>(item: Field<T>): OptionalField<T> => ({ item }),

  /** A record inside a record. */
  record: <F extends Fields>(fields: F): Field<ValueOf<F>> => map(fields),

  /** One of several records, told apart by `type`. On the wire: [type, fields]. */
  choice: <C extends Choices>(choices: C): Field<ChoiceOf<C>> => choice(choices),
}

function map<F extends Fields>(fields: F): Field<ValueOf<F>> {
  const entries = ordered(fields)
  const places = new Map(entries.map(({ name }, index) => [name, index]))
  const write = (writer: Writer, value: ValueOf<F>): void => {
    demand(writer, typeof value === 'object' && value !== null, 'is not a record')
    const record = value as Readonly<Record<string, unknown>>
    let length = 0
    for (const { name, needed } of entries) if (needed || record[name] !== undefined) length += 1
    writer.map(length)
    for (const { name, encoded, needed, item } of entries) {
      if (!needed && record[name] === undefined) continue
      writer.encoded(encoded)
      within(writer, name, () => item.write(writer, record[name]))
    }
  }
  const read = (reader: Reader): ValueOf<F> => {
    const record: Record<string, unknown> = {}
    const length = reader.map()
    let next = 0
    for (let pair = 0; pair < length; pair++) {
      const name = key(reader)
      const place = places.get(name)
      const entry = place === undefined ? undefined : entries[place]
      if (place === undefined || !entry) throw new Refused('unknown-key')
      // Behind its place is out of order; the same place again is a duplicate.
      if (place < next) throw new Refused('not-canonical')
      next = place + 1
      record[name] = within(reader, name, () => entry.item.read(reader))
    }
    for (const { name, needed } of entries) {
      if (needed && record[name] === undefined) {
        reader.path.push(name)
        throw new Refused('missing-key')
      }
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Every field was read by its own kind.
    return record as ValueOf<F>
  }
  return { write, read }
}

function choice<C extends Choices>(choices: C): Field<ChoiceOf<C>> {
  const variants = new Map<string, Field<object>>()
  for (const [name, fields] of Object.entries(choices)) {
    checkKey(name)
    if ('type' in fields) throw new CryptoError('bad-schema', `${name} has a field named type`)
    variants.set(name, map(fields))
  }
  return {
    write: (writer, value) => {
      demand(writer, typeof value === 'object' && value !== null, 'is not a record')
      const variant = variants.get(value.type)
      demand(writer, variant !== undefined, 'has an unknown type')
      writer.list(2)
      writer.text(value.type)
      within(writer, value.type, () => variant?.write(writer, value))
    },
    read: (reader) => {
      if (reader.list(Number.MAX_SAFE_INTEGER) !== 2) throw new Refused('wrong-type')
      const type = key(reader)
      const variant = variants.get(type)
      if (!variant) throw new Refused('unknown-key')
      const fields = within(reader, type, () => variant.read(reader))
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The variant of this type was read.
      return { type, ...fields } as ChoiceOf<C>
    },
  }
}

interface Entry {
  readonly name: string
  /** The name as it stands on the wire. */
  readonly encoded: Uint8Array
  readonly item: Field<unknown>
  readonly needed: boolean
}

// Keys in the order of their encoded bytes: the head holds the length, so shorter keys come first.
function ordered(fields: Fields): readonly Entry[] {
  const entries = Object.entries(fields).map(([name, one]): Entry => {
    checkKey(name)
    const needed = !('item' in one)
    return { name, encoded: encodedText(name), item: needed ? one : one.item, needed }
  })
  return entries.sort(
    (a, b) => a.name.length - b.name.length || (a.name < b.name ? -1 : Number(a.name > b.name)),
  )
}

// Letters and digits only: no key is a name that objects treat specially, such as __proto__.
function checkKey(name: string): void {
  if (name.length > KEY_SIZE_MAX || !KEY.test(name)) {
    throw new CryptoError('bad-schema', `${JSON.stringify(name)} is not a key`)
  }
}

// A key too long for any schema is one that this schema does not have.
function key(reader: Reader): string {
  try {
    return reader.text(KEY_SIZE_MAX)
  } catch (error) {
    if (error instanceof Refused && error.code === 'out-of-range') throw new Refused('unknown-key')
    throw error
  }
}

// On a failure the step stays on the path, and so says where it was.
function within<T>(
  place: { readonly path: (string | number)[] },
  step: string | number,
  act: () => T,
): T {
  place.path.push(step)
  const result = act()
  place.path.pop()
  return result
}

function demand(writer: Writer, holds: boolean, problem: string, size?: number): void {
  if (holds) return
  const place = pathText(writer.path) || 'the value'
  throw new CryptoError('bad-value', `${place} ${problem}${size === undefined ? '' : ` ${size}`}`)
}

/** `limits.parts[2]` for its steps. */
export function pathText(path: readonly (string | number)[]): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}
