import type { Lane } from './carrier.ts'
import { decodeFrame, encodeFrame } from './frame.ts'
import type { Frame, FrameType } from './frame.ts'
import { Intake } from './intake.ts'

/** Frames are short; what is read beyond one belongs to the stream after it. */
const READ_SIZE = 16_384

export type NextFrame =
  | { readonly ok: true; readonly frame: Frame; readonly size: number }
  | { readonly ok: false; readonly code: 'malformed' | 'ended' }

/** Frames over one lane, in order. Holds at most one frame and one read. */
export class Frames {
  readonly #lane: Lane
  readonly #intake = new Intake()
  #sent: Promise<void> = Promise.resolve()

  constructor(lane: Lane) {
    this.#lane = lane
  }

  /** @throws {StoqError} `reset` or `closed`. */
  send(type: FrameType, payload?: Uint8Array): Promise<void> {
    const bytes = encodeFrame(type, payload)
    const turn = this.#sent.then(() => this.#lane.write(bytes))
    this.#sent = turn.catch(() => undefined)
    return turn
  }

  /** @throws {StoqError} `reset` or `closed`. */
  async next(): Promise<NextFrame> {
    const next = await this.peek()
    if (next.ok) this.#intake.take(next.size)
    return next
  }

  /** The next frame, which stays the next one. */
  async peek(): Promise<NextFrame> {
    for (;;) {
      const decoded = decodeFrame(this.#intake.bytes())
      if (decoded.ok) return decoded
      if (decoded.refusal.code !== 'incomplete') return { ok: false, code: 'malformed' }
      const chunk = await this.#lane.read(READ_SIZE)
      if (chunk === null) {
        return { ok: false, code: this.#intake.size === 0 ? 'ended' : 'malformed' }
      }
      this.#intake.put(chunk)
    }
  }

  /** What was read behind the last frame. */
  rest(): Uint8Array {
    return this.#intake.bytes()
  }
}
