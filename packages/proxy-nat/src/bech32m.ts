// BIP-173 for the alphabet and the layout, BIP-350 for the constant that makes it bech32m.
const ALPHABET = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l'
const BECH32M = 0x2bc830a3
const GENERATORS = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3]
const CHECKSUM_SIZE = 6

/** BIP-173: the code finds any four errors only in strings of at most 90 characters. */
const TEXT_SIZE_MAX = 90

/** Writes bytes as `prefix1...`, with a checksum over prefix and bytes. */
export function toBech32m(prefix: string, bytes: Uint8Array): string {
  const groups = regroup(bytes, 8, 5, true) ?? []
  const sum =
    polymod([...expand(prefix), ...groups, ...Array.from({ length: CHECKSUM_SIZE }, () => 0)]) ^
    BECH32M
  const checksum = Array.from(
    { length: CHECKSUM_SIZE },
    (_, at) => (sum >>> (5 * (CHECKSUM_SIZE - 1 - at))) & 31,
  )
  return `${prefix}1${[...groups, ...checksum].map((group) => ALPHABET[group]).join('')}`
}

/** The bytes of a text with this prefix; `undefined` when anything about it is wrong. */
export function fromBech32m(prefix: string, text: string): Uint8Array | undefined {
  if (text.length > TEXT_SIZE_MAX) return undefined
  const lower = text.toLowerCase()
  // One case or the other, BIP-173: a mix is how a misread character hides.
  if (text !== lower && text !== text.toUpperCase()) return undefined
  if (!lower.startsWith(`${prefix}1`)) return undefined
  const groups = Array.from(lower.slice(prefix.length + 1), (letter) => ALPHABET.indexOf(letter))
  if (groups.length < CHECKSUM_SIZE || groups.includes(-1)) return undefined
  if (polymod([...expand(prefix), ...groups]) !== BECH32M) return undefined
  return regroup(groups.slice(0, -CHECKSUM_SIZE), 5, 8, false)
}

function expand(prefix: string): number[] {
  const codes = Array.from(prefix, (letter) => letter.charCodeAt(0))
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)]
}

function polymod(values: readonly number[]): number {
  let sum = 1
  for (const value of values) {
    const top = sum >>> 25
    sum = ((sum & 0x1ffffff) << 5) ^ value
    for (const [bit, generator] of GENERATORS.entries()) {
      if ((top >>> bit) & 1) sum ^= generator
    }
  }
  return sum
}

// Bits left over when bytes come back must be fewer than a group and all zero, or two texts would mean the same bytes.
function regroup(
  values: Iterable<number>,
  from: number,
  to: number,
  pad: boolean,
): Uint8Array | undefined {
  const out: number[] = []
  let held = 0
  let bits = 0
  for (const value of values) {
    held = ((held << from) | value) & 0xfff
    bits += from
    while (bits >= to) {
      bits -= to
      out.push((held >> bits) & ((1 << to) - 1))
    }
  }
  const rest = held & ((1 << bits) - 1)
  if (pad && bits > 0) out.push(rest << (to - bits))
  if (!pad && (bits >= from || rest !== 0)) return undefined
  return Uint8Array.from(out)
}
