import { type Codec, field, record } from '@hypermesh/crypto'
import { ADDRESS_SIZE, type MeshAddress } from './address.ts'
import { CAPABILITY_SIZE_MAX } from './capability.ts'
import { ProxyNatError } from './errors.ts'
import { formatChecked, parseAddress } from './text.ts'

/** Highest region number: it crosses the wire in four bytes. */
export const REGION_MAX = 0xffff_ffff

/** A run of bytes anywhere in the mesh. */
export interface Pointer {
  readonly address: MeshAddress
  /** Which region of the asset, 0 to `REGION_MAX`. */
  readonly region: number
  /** First byte, from the start of the region. */
  readonly offset: number
  /** How many bytes. */
  readonly length: number
}

/** A pointer and the capability that opens it: all a program needs to be told about its input. */
export interface Reference {
  readonly capability: Uint8Array
  readonly pointer: Pointer
}

/** No pointer's text is longer: 35 characters of address, the rest numbers. */
const TEXT_SIZE_MAX = 100

const SHAPE =
  /^(hm1[a-z0-9]+)#(0|[1-9][0-9]{0,9})@0x(0|[1-9a-f][0-9a-f]{0,13})\+(0|[1-9][0-9]{0,15})$/

/** Domain `hypermesh/reference`, version 1. */
export const referenceCodec: Codec<Reference> = record(
  'hypermesh/reference',
  1,
  CAPABILITY_SIZE_MAX + 256,
  {
    capability: field.bytes({ max: CAPABILITY_SIZE_MAX }),
    pointer: field.record({
      address: field.bytes({ length: ADDRESS_SIZE }),
      region: field.count({ max: REGION_MAX }),
      offset: field.count({ max: Number.MAX_SAFE_INTEGER }),
      length: field.count({ max: Number.MAX_SAFE_INTEGER }),
    }),
  },
)

/**
 * `hm1...#3@0x1000+4096`: region 3, from byte 0x1000, 4096 bytes.
 *
 * @throws {ProxyNatError} `wrong-length` for what is no address, `out-of-range` for what is no region, offset or length.
 */
export function formatPointer(pointer: Pointer): string {
  const { address, region, offset, length } = pointer
  if (!isCount(region, REGION_MAX) || !isCount(offset) || !isCount(length)) {
    throw new ProxyNatError('out-of-range', `no such place: ${region}@${offset}+${length}`)
  }
  return `${formatChecked(address)}#${region}@0x${offset.toString(16)}+${length}`
}

/** Reads what `formatPointer` writes, and only that spelling; `undefined` for everything else. */
export function parsePointer(text: string): Pointer | undefined {
  if (text.length > TEXT_SIZE_MAX) return undefined
  const [, name = '', region = '', offset = '', length = ''] = SHAPE.exec(text) ?? []
  const address = parseAddress(name)
  if (address === undefined) return undefined
  const pointer = {
    address,
    region: Number(region),
    offset: Number.parseInt(offset, 16),
    length: Number(length),
  }
  const fits =
    isCount(pointer.region, REGION_MAX) && isCount(pointer.offset) && isCount(pointer.length)
  return fits ? pointer : undefined
}

function isCount(value: number, max: number = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max
}
