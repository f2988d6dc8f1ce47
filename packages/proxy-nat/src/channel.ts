import { createDecoder, type Frame } from './decoder.ts'
import {
  encodeFrame,
  type FrameRefusalCode,
  type Header,
  type Operation,
  OPERATION_SIZE_MAX,
} from './frame.ts'
import type { ByteStream } from './links.ts'
import type { Refusal } from './refusal.ts'
import { createWindow } from './window.ts'

/** Most requests on their way at a time, and most bytes of them: what the two sides may have to hold. */
const WINDOW_REQUESTS = 64
const WINDOW_BYTES = 4 * OPERATION_SIZE_MAX

export type Answer =
  | { readonly ok: true; readonly frame: Frame }
  | { readonly ok: false; readonly refusal: Refusal }

interface Request {
  readonly operation: Operation
  readonly handle: number
  readonly generation: number
  readonly offset: number
  readonly length: number
  readonly body?: Uint8Array
  /** Where a READ puts its bytes: `length` of them. */
  readonly into?: Uint8Array
}

/** The holder's side of one stream: requests out, replies matched to them. */
export interface Channel {
  /** Sends in the order of the calls. Always resolves: a stream that breaks is a refusal for all that wait. */
  request(request: Request): Promise<Answer>
  /** Resolves when the owner's node says that the region was revoked, or the channel closes. */
  readonly revoked: Promise<void>
  readonly closed: Promise<void>
  /** Ends the sending side; replies still come. */
  end(): Promise<void>
  close(refusal: Refusal): void
}

interface Pending {
  readonly operation: Operation
  readonly into: Uint8Array | undefined
  readonly settle: (answer: Answer) => void
}

export function openChannel(stream: ByteStream): Channel {
  const channel = new StreamChannel(stream)
  void channel.run()
  return channel
}

class StreamChannel implements Channel {
  readonly #stream: ByteStream
  readonly #pending = new Map<number, Pending>()
  readonly #window = createWindow({ requests: WINDOW_REQUESTS, bytes: WINDOW_BYTES })
  readonly #revoked = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()
  #tail: Promise<unknown> = Promise.resolve()
  #requestLast = 0
  #broken: Refusal | undefined

  constructor(stream: ByteStream) {
    this.#stream = stream
  }

  get revoked(): Promise<void> {
    return this.#revoked.promise
  }

  get closed(): Promise<void> {
    return this.#closed.promise
  }

  async request(request: Request): Promise<Answer> {
    await this.#window.enter(request.length)
    try {
      if (this.#broken !== undefined) return { ok: false, refusal: this.#broken }
      return await this.#exchange(request)
    } finally {
      this.#window.leave(request.length)
    }
  }

  async end(): Promise<void> {
    await this.#tail
    await this.#stream.end()
  }

  close(refusal: Refusal): void {
    if (this.#broken !== undefined) return
    this.#broken = refusal
    for (const { settle } of this.#pending.values()) settle({ ok: false, refusal })
    this.#pending.clear()
    this.#stream.reset()
    this.#revoked.resolve()
    this.#closed.resolve()
  }

  async run(): Promise<void> {
    const decoder = createDecoder('reply', (header, size) => this.#place(header, size))
    try {
      for (;;) {
        const chunk = await this.#stream.read()
        if (chunk === null) return this.#fail(decoder.end())
        for (const decoded of decoder.feed(chunk)) {
          if (!decoded.ok) return this.#fail(decoded.refusal.code)
          this.#settle(decoded.frame)
        }
      }
    } catch (error) {
      this.close({ code: 'disconnected', reason: String(error) })
    }
  }

  async #exchange(fields: Request): Promise<Answer> {
    const { operation, handle, generation, offset, length, body, into } = fields
    // Far fewer are on their way than there are numbers, so a number that comes round again is free.
    this.#requestLast = (this.#requestLast % 0xffff_ffff) + 1
    const request = this.#requestLast
    const { promise, resolve } = Promise.withResolvers<Answer>()
    this.#pending.set(request, { operation, into, settle: resolve })
    const header = { operation, status: 'ok', request, handle, generation, offset, length } as const
    const frame = encodeFrame('request', header, body)
    this.#tail = this.#tail.then(async () => this.#stream.write(frame))
    this.#tail.catch((error: unknown) => {
      this.close({ code: 'disconnected', reason: String(error) })
    })
    return promise
  }

  // Refuses on the header what answers nothing, or answers with other than was asked for.
  #place(header: Header, size: number): Uint8Array | undefined {
    if (header.operation === 'revoked') return new Uint8Array(0)
    const pending = this.#pending.get(header.request)
    if (pending?.operation !== header.operation) return undefined
    const isBytes = header.operation === 'read' && header.status === 'ok'
    return isBytes ? pending.into : new Uint8Array(size)
  }

  #settle(frame: Frame): void {
    if (frame.header.operation === 'revoked') {
      this.#revoked.resolve()
      return
    }
    this.#pending.get(frame.header.request)?.settle(answerIn(frame))
    this.#pending.delete(frame.header.request)
  }

  #fail(code: FrameRefusalCode | undefined): void {
    this.close(
      code === undefined
        ? { code: 'disconnected', reason: 'the other node ended the stream' }
        : { code: 'protocol', reason: code },
    )
  }
}

function answerIn(frame: Frame): Answer {
  const { status } = frame.header
  if (status === 'ok') return { ok: true, frame }
  const refusal = status === 'moved' ? { code: status, node: frame.body } : { code: status }
  return { ok: false, refusal }
}
