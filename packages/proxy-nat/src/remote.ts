import type { Answer, Channel } from './channel.ts'
import { ProxyNatError } from './errors.ts'
import { type Operation, OPERATION_SIZE_MAX } from './frame.ts'
import type { Pointer } from './pointer.ts'
import type { Refusal } from './refusal.ts'
import { type Stat, statCodec } from './stat.ts'

/** Most bytes of one call, in bytes: they are held in memory as one piece. */
export const TRANSFER_SIZE_MAX = 1_073_741_824

/** How long a dispose waits for the other node before it ends the stream by itself, in milliseconds. */
const DETACH_MS = 1000

type Failed = { readonly ok: false; readonly refusal: Refusal }

/** Memory on another node, as far as a capability and a pointer reach. Offsets count from the pointer's. */
export interface RemoteRegion extends AsyncDisposable {
  /** Bytes. */
  readonly length: number
  /** Resolves when the region is revoked or the stream ends, without an operation having to find out. */
  readonly revoked: Promise<void>
  /**
   * Reads `length` bytes. Calls take effect in their order. Up to `OPERATION_SIZE_MAX` bytes are as they were at one
   * instant; more come in several operations, between which the memory may change.
   *
   * @throws {ProxyNatError} `closed` after dispose; `out-of-range` for what is no offset or length; `too-long` for more
   * than `TRANSFER_SIZE_MAX`.
   */
  read(
    offset: number,
    length: number,
  ): Promise<{ readonly ok: true; readonly bytes: Uint8Array } | Failed>
  /**
   * Writes `bytes`, under the same rules; they must not change until it resolves. When it fails, some of the first
   * operations may have taken effect.
   */
  write(offset: number, bytes: Uint8Array): Promise<{ readonly ok: true } | Failed>
  /** What the other node says of this attachment. */
  stat(): Promise<{ readonly ok: true; readonly stat: Stat } | Failed>
}

interface Attachment {
  readonly channel: Channel
  readonly handle: number
  readonly generation: number
  readonly pointer: Pointer
}

export function openRegion(attachment: Attachment): RemoteRegion {
  return new Region(attachment)
}

class Region implements RemoteRegion {
  readonly length: number
  readonly #attachment: Attachment
  #isClosed = false

  constructor(attachment: Attachment) {
    this.#attachment = attachment
    this.length = attachment.pointer.length
  }

  get revoked(): Promise<void> {
    return this.#attachment.channel.revoked
  }

  async read(offset: number, length: number): ReturnType<RemoteRegion['read']> {
    const outside = this.#check(offset, length)
    if (outside !== undefined) return outside
    const bytes = new Uint8Array(length)
    const failed = await this.#inPieces('read', offset, bytes)
    return failed ?? { ok: true, bytes }
  }

  async write(offset: number, bytes: Uint8Array): ReturnType<RemoteRegion['write']> {
    const outside = this.#check(offset, bytes.length)
    if (outside !== undefined) return outside
    const failed = await this.#inPieces('write', offset, bytes)
    return failed ?? { ok: true }
  }

  async stat(): ReturnType<RemoteRegion['stat']> {
    this.#check(0, 0)
    const answer = await this.#request('stat', 0, 0)
    if (!answer.ok) return answer
    const stat = statCodec.decode(answer.frame.body)
    if (stat.ok) return { ok: true, stat: stat.value }
    const refusal = { code: 'protocol', reason: `stat is ${stat.refusal.code}` } as const
    this.#attachment.channel.close(refusal)
    return { ok: false, refusal }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const { channel } = this.#attachment
    const { promise: late, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, DETACH_MS)
    const leave = async (): Promise<void> => {
      const answer = await this.#request('detach', 0, 0)
      if (answer.ok) await channel.end()
      await channel.closed
    }
    // A stream that breaks on the way out is out.
    await Promise.race([leave().catch(() => {}), late])
    clearTimeout(timer)
    channel.close({ code: 'disconnected', reason: 'detached' })
  }

  // Requests leave in their order and their replies may all be on the way: the channel's window bounds them.
  async #inPieces(
    operation: 'read' | 'write',
    offset: number,
    bytes: Uint8Array,
  ): Promise<Failed | undefined> {
    const answers: Promise<Answer>[] = []
    for (let at = 0; at === 0 || at < bytes.length; at += OPERATION_SIZE_MAX) {
      const piece = bytes.subarray(at, at + OPERATION_SIZE_MAX)
      answers.push(
        this.#request(
          operation,
          this.#attachment.pointer.offset + offset + at,
          piece.length,
          piece,
        ),
      )
    }
    const all = await Promise.all(answers)
    return all.find((answer) => !answer.ok)
  }

  async #request(
    operation: Operation,
    offset: number,
    length: number,
    piece?: Uint8Array,
  ): Promise<Answer> {
    const { channel, handle, generation } = this.#attachment
    const fields = { operation, handle, generation, offset, length }
    if (piece === undefined) return channel.request(fields)
    return channel.request({
      ...fields,
      ...(operation === 'read' ? { into: piece } : { body: piece }),
    })
  }

  // What lies outside is refused here as the other node would; what is no place at all is the caller's mistake.
  #check(offset: number, length: number): Failed | undefined {
    if (this.#isClosed) throw new ProxyNatError('closed', 'this region was disposed')
    const isPlace = Number.isSafeInteger(offset) && Number.isSafeInteger(length)
    if (!isPlace || offset < 0 || length < 0) {
      throw new ProxyNatError('out-of-range', `no such place: ${offset}+${length}`)
    }
    if (length > TRANSFER_SIZE_MAX) {
      throw new ProxyNatError(
        'too-long',
        `${length} bytes in one call, at most ${TRANSFER_SIZE_MAX}`,
      )
    }
    if (offset + length <= this.length) return undefined
    return { ok: false, refusal: { code: 'out-of-range' } }
  }
}
