import { equal, field, record } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'
import type { StateView } from '@hypermesh/consensus'

import type { Entry } from '../directory.ts'
import { certificateOf } from './issuance.ts'
import { keyOf, textKey } from './key.ts'
import type { Rule } from './rule.ts'

interface NameRecord extends Entry {
  /** Grows with each change, so that an old record cannot be played again. */
  readonly sequence: bigint
}

const nameCodec: Codec<NameRecord> = record('hypermesh/name', 1, 4096, {
  name: field.text({ max: 63 }),
  key: field.bytes({ length: 32 }),
  falcon: field.bytes({ length: 1793 }),
  host: field.text({ max: 255 }),
  port: field.count({ max: 65_535 }),
  sequence: field.uint(),
})

/** Where a node is reached: said by the key that holds a certificate for the name. */
export const nameRule: Rule<'name'> = {
  refusal: ({ name, sequence }, { author, state }) => {
    if (!isHolder(state, name, author)) return `no certificate says that the author is ${name}`
    const known = readName(state.get(textKey('name', name)))
    return known && known.sequence >= sequence
      ? `the name has a record ${known.sequence} already`
      : undefined
  },
  writes: ({ name, falcon, host, port, sequence }, { author }) => [
    {
      key: textKey('name', name),
      value: nameCodec.encode({ name, key: author, falcon, host, port, sequence }),
    },
  ],
}

export function readName(value: Uint8Array | undefined): NameRecord | undefined {
  const decoded = value && nameCodec.decode(value)
  return decoded?.ok ? decoded.value : undefined
}

/** Names of nodes that hold a certificate, and where they are reached. */
export function readNames(state: StateView): readonly NameRecord[] {
  return [...state.entries(keyOf('name'))].flatMap(([, value]) => {
    const known = readName(value)
    return known && isHolder(state, known.name, known.key) ? known : []
  })
}

function isHolder(state: StateView, name: string, key: Uint8Array): boolean {
  const certificate = certificateOf(state, name)
  return certificate !== undefined && equal(certificate.key, key)
}
