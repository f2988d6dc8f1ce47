import {
  bodySize,
  decodeHeader,
  type Direction,
  type FrameRefusalCode,
  type Header,
  HEADER_SIZE,
} from './frame.ts'

export interface Frame {
  readonly header: Header
  /** Empty for a READ request, `header.length` bytes for the others, in memory that belongs to whoever asked for the frame. */
  readonly body: Uint8Array
}

export type DecodedFrame =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly refusal: { readonly code: FrameRefusalCode } }

/** Puts frames together from chunks of a stream, however it was cut. */
export interface Decoder {
  /**
   * The frames that `chunk` completes, made one at a time as they are asked for. A refusal is the last thing yielded,
   * now and for every later chunk.
   */
  feed(chunk: Uint8Array): Iterable<DecodedFrame>
  /** The stream ended here: a refusal when that is inside a frame. */
  end(): FrameRefusalCode | undefined
}

/** Where the `size` bytes of a body are to be put: memory of that size; `undefined` refuses the frame. */
export type Place = (header: Header, size: number) => Uint8Array | undefined

/**
 * A decoder that holds one header and one body at most.
 *
 * @param place - Called once a header has passed its checks, before a byte of the body is kept. A reader that knows
 * where the bytes must end up names that place, and they are copied once.
 */
export function createDecoder(
  direction: Direction,
  place: Place = (_header, size) => new Uint8Array(size),
): Decoder {
  const headerBytes = new Uint8Array(HEADER_SIZE)
  let headerHeld = 0
  let current: { readonly header: Header; readonly body: Uint8Array } | undefined
  let bodyHeld = 0
  let dead: FrameRefusalCode | undefined

  // Takes what it can from `chunk` at `at`, and says how much that was.
  function fill(target: Uint8Array, held: number, chunk: Uint8Array, at: number): number {
    const count = Math.min(target.length - held, chunk.length - at)
    if (count > 0) target.set(chunk.subarray(at, at + count), held)
    return count
  }

  function begin(): FrameRefusalCode | undefined {
    const decoded = decodeHeader(direction, headerBytes)
    if (!decoded.ok) return decoded.refusal.code
    const size = bodySize(direction, decoded.header)
    const body = place(decoded.header, size)
    if (body === undefined || body.length !== size) return 'unexpected'
    current = { header: decoded.header, body }
    bodyHeld = 0
    return undefined
  }

  function* feed(chunk: Uint8Array): Generator<DecodedFrame> {
    let at = 0
    while (dead === undefined) {
      if (current === undefined) {
        const count = fill(headerBytes, headerHeld, chunk, at)
        at += count
        headerHeld += count
        if (headerHeld < HEADER_SIZE) return
        headerHeld = 0
        dead = begin()
        continue
      }
      const count = fill(current.body, bodyHeld, chunk, at)
      at += count
      bodyHeld += count
      if (bodyHeld < current.body.length) return
      const frame = current
      current = undefined
      yield { ok: true, frame }
    }
    yield { ok: false, refusal: { code: dead } }
  }

  return {
    feed,
    end: () => dead ?? (current !== undefined || headerHeld > 0 ? 'cut-short' : undefined),
  }
}
