import { Malformed, Reader, TAG, readNatural, readOid, readTrue } from './der.ts'

/** Most extensions one certificate carries; ours carry six. */
const EXTENSIONS_MAX = 32

/** Most names and most purposes in one extension. */
const LIST_MAX = 16

// RFC 5280 4.2.1, object identifiers in the hex of their content.
const OID = {
  keyUsage: '551d0f',
  alternativeName: '551d11',
  basicConstraints: '551d13',
  extendedKeyUsage: '551d25',
} as const

// RFC 5280 4.2.1.12: 1.3.6.1.5.5.7.3.1 and .2.
const PURPOSES: Readonly<Record<string, Purpose>> = {
  '2b06010505070301': 'server',
  '2b06010505070302': 'client',
}

type Purpose = 'server' | 'client'

/** Bits of a KeyUsage that decide something here (RFC 5280 4.2.1.3; bit 0 is the first). */
export const USAGE = { digitalSignature: 0x01, keyCertSign: 0x20 } as const

export interface Extensions {
  /** Present when basicConstraints says cA; `below` is how many authorities may follow it. */
  readonly authority?: { readonly below?: number }
  /** KeyUsage, bit n of the specification as `1 << n`. */
  readonly usage?: number
  readonly purposes?: ReadonlySet<Purpose>
  /** The dNSNames, and whether names of other kinds stand beside them. */
  readonly names?: { readonly dns: readonly string[]; readonly others: boolean }
  /** Object identifiers (hex) of critical extensions that nothing here understands. */
  readonly unknownCritical: readonly string[]
}

/** Reads `Extensions` (RFC 5280 4.1): at least one, and none twice (4.2). */
export function readExtensions(list: Reader): Extensions {
  const seen = new Set<string>()
  const unknownCritical: string[] = []
  const extensions: Omit<Extensions, 'unknownCritical'> = {}
  do {
    const one = list.enter('extension')
    const oid = readOid(one, 'extension')
    const isCritical = readTrue(one, 'extension critical')
    const { content } = one.take(TAG.octetString, 'extension value')
    one.end('extension')
    if (seen.has(oid)) throw new Malformed(`extension ${oid} twice`)
    if (seen.size === EXTENSIONS_MAX) throw new Malformed(`over ${EXTENSIONS_MAX} extensions`)
    seen.add(oid)
    const known = readKnown(oid, new Reader(content))
    if (known) Object.assign(extensions, known)
    else if (isCritical) unknownCritical.push(oid)
  } while (!list.done)
  return { ...extensions, unknownCritical }
}

function readKnown(oid: string, value: Reader): Omit<Extensions, 'unknownCritical'> | undefined {
  switch (oid) {
    case OID.basicConstraints:
      return readBasicConstraints(value)
    case OID.keyUsage:
      return { usage: readUsage(value) }
    case OID.extendedKeyUsage:
      return { purposes: readPurposes(value) }
    case OID.alternativeName:
      return { names: readNames(value) }
    default:
      return undefined
  }
}

function readBasicConstraints(value: Reader): Pick<Extensions, 'authority'> {
  const constraints = value.enter('basicConstraints')
  value.end('basicConstraints')
  const isAuthority = readTrue(constraints, 'cA')
  const hasLength = !constraints.done
  // RFC 5280 4.2.1.9: pathLenConstraint means something only beside cA.
  if (hasLength && !isAuthority) throw new Malformed('pathLenConstraint without cA')
  const below = hasLength ? (readNatural(constraints, 'pathLenConstraint', 1)[0] ?? 0) : undefined
  constraints.end('basicConstraints')
  if (!isAuthority) return {}
  return { authority: below === undefined ? {} : { below } }
}

// X.690 11.2.2: a named-bit list ends with a set bit, and unused bits are zero.
function readUsage(value: Reader): number {
  const { content } = value.take(TAG.bitString, 'keyUsage')
  value.end('keyUsage')
  const [unused = 8, first = 0, second = 0] = content
  const last = content.length === 3 ? second : first
  const isShortest = content.length === 2 || content.length === 3
  if (!isShortest || unused > 7 || last === 0 || (last & ((2 << unused) - 1)) !== 1 << unused) {
    throw new Malformed('keyUsage: not a list of bits')
  }
  let usage = 0
  for (let bit = 0; bit < 16; bit += 1) {
    const byte = bit < 8 ? first : second
    if (byte & (0x80 >> (bit & 7))) usage |= 1 << bit
  }
  return usage
}

function readPurposes(value: Reader): ReadonlySet<Purpose> {
  const list = value.enter('extKeyUsage')
  value.end('extKeyUsage')
  const purposes = new Set<Purpose>()
  let count = 0
  do {
    const purpose = PURPOSES[readOid(list, 'purpose')]
    if (purpose) purposes.add(purpose)
    count += 1
    if (count > LIST_MAX) throw new Malformed(`over ${LIST_MAX} purposes`)
  } while (!list.done)
  return purposes
}

function readNames(value: Reader): { dns: readonly string[]; others: boolean } {
  const list = value.enter('subjectAltName')
  value.end('subjectAltName')
  const dns: string[] = []
  let count = 0
  do {
    const { tag, content } = list.next('name')
    // GeneralName dNSName: [2] IMPLICIT IA5String.
    if (tag === 0x82) dns.push(String.fromCharCode(...content.subarray(0, 256)))
    count += 1
    if (count > LIST_MAX) throw new Malformed(`over ${LIST_MAX} names`)
  } while (!list.done)
  return { dns, others: dns.length !== count }
}
