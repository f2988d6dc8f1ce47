import { isIPv6 } from 'node:net'
import { kindOf, type MeshAddress } from './address.ts'
import { fromBech32m, toBech32m } from './bech32m.ts'
import { ProxyNatError } from './errors.ts'

const PREFIX = 'hm'

/** No spelling of an IPv6 address is longer: eight groups, the last two as a dotted quad. */
const TEXT_SIZE_MAX = 45

/**
 * The address as IPv6 text, in the one spelling RFC 5952 leaves.
 *
 * @throws {ProxyNatError} `wrong-length` when the bytes are no mesh address.
 */
export function formatAddress(address: MeshAddress): string {
  const groups = groupsOf(checked(address))
  const { start, length } = longestZeros(groups)
  const hex = groups.map((group) => group.toString(16))
  // RFC 5952, section 4.2.2: "::" must not stand for a single group.
  if (length < 2) return hex.join(':')
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`
}

/**
 * The address as `hm1...` (bech32m): for people to read out, copy and compare. Any four wrong characters are noticed.
 *
 * @throws {ProxyNatError} `wrong-length` when the bytes are no mesh address.
 */
export function formatChecked(address: MeshAddress): string {
  return toBech32m(PREFIX, checked(address))
}

/** Reads `hm1...` or any spelling of an IPv6 address in fd00::/8; `undefined` for everything else. */
export function parseAddress(text: string): MeshAddress | undefined {
  const address = fromBech32m(PREFIX, text) ?? parseGroups(text)
  return address !== undefined && kindOf(address) !== undefined ? address : undefined
}

function checked(address: Uint8Array): MeshAddress {
  if (kindOf(address) !== undefined) return address
  throw new ProxyNatError('wrong-length', 'these bytes are not an address in fd00::/8')
}

function groupsOf(address: MeshAddress): number[] {
  const view = new DataView(address.buffer, address.byteOffset, address.byteLength)
  return Array.from({ length: 8 }, (_, at) => view.getUint16(at * 2))
}

// RFC 5952, section 4.2.3: the longest run of zero groups, the first of equals.
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 }
  let start = 0
  for (const [at, group] of groups.entries()) {
    if (group !== 0) start = at + 1
    else if (at + 1 - start > longest.length) longest = { start, length: at + 1 - start }
  }
  return longest
}

function parseGroups(text: string): MeshAddress | undefined {
  if (text.length > TEXT_SIZE_MAX || text.includes('%') || !isIPv6(text)) return undefined
  const [before = '', after] = text.split('::')
  const head = groupsIn(before)
  const tail = after === undefined ? [] : groupsIn(after)
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => 0)
  return Uint8Array.from(
    [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]),
  )
}

function groupsIn(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number)
    return [(a << 8) | b, (c << 8) | d]
  })
}
