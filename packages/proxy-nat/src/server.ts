import { createDecoder } from './decoder.ts'
import type { FrameRefusalCode } from './frame.ts'
import type { ByteStream } from './links.ts'
import { createSession, type SessionOptions } from './session.ts'

/** How a stream came to its end. */
export interface Served {
  /** `end`: the peer ended it. `disconnected`: it broke. `refused`: the peer broke a rule. `aborted`: by the signal. */
  readonly ended: 'end' | 'disconnected' | 'refused' | 'aborted'
  /** With `refused`: the rule. */
  readonly code?: FrameRefusalCode | 'too-many-failures'
  /** Requests answered. */
  readonly answered: number
}

/**
 * Serves one stream of the memory protocol until it ends. Whatever the peer sends, this resolves; at most one request
 * is in hand at a time, and nothing is read while its reply waits to be taken.
 *
 * @param options.peer - The Ed25519 key that the transport proved for the other end. A capability is good only if it
 * was granted to that key: this is what ties a capability to its holder.
 */
export async function serveMemory(
  options: SessionOptions & { readonly stream: ByteStream; readonly signal?: AbortSignal },
): Promise<Served> {
  const { stream, table, signal } = options
  const session = createSession(options)
  let tail: Promise<unknown> = Promise.resolve()
  // Replies and notices leave one after the other, each when the stream can take it.
  const send = async (bytes: Uint8Array): Promise<void> => {
    const sent = tail.then(async () => stream.write(bytes))
    tail = sent
    await sent
  }
  const stop = table.follow((entry) => {
    // A notice that cannot be sent ends with the stream, which the reading below finds out.
    for (const notice of session.notices(entry)) send(notice).catch(() => stream.reset())
  })
  const abort = (): void => stream.reset()
  signal?.addEventListener('abort', abort)
  let isClean = false
  try {
    if (signal?.aborted) abort()
    const served = await exchange()
    isClean = served.ended === 'end'
    return signal?.aborted ? { ended: 'aborted', answered: served.answered } : served
  } finally {
    signal?.removeEventListener('abort', abort)
    stop()
    // After a clean end the last replies may still be on their way, and a reset would overtake them.
    if (!isClean) stream.reset()
  }

  async function exchange(): Promise<Served> {
    const decoder = createDecoder('request')
    let answered = 0
    for (;;) {
      const chunk = await settled(stream.read())
      if (chunk === undefined) return { ended: 'disconnected', answered }
      if (chunk === null) {
        const code = decoder.end()
        if (code !== undefined) return { ended: 'refused', code, answered }
        const isEnded = await settled(stream.end().then(() => true))
        return { ended: isEnded ? 'end' : 'disconnected', answered }
      }
      for (const decoded of decoder.feed(chunk)) {
        if (!decoded.ok) return { ended: 'refused', code: decoded.refusal.code, answered }
        const reply = await session.handle(decoded.frame)
        const isSent = await settled(send(reply).then(() => true))
        if (isSent === undefined) return { ended: 'disconnected', answered }
        answered += 1
        if (session.isExhausted) return { ended: 'refused', code: 'too-many-failures', answered }
      }
    }
  }
}

// A stream that breaks is the peer's doing or the network's, and an end like any other.
async function settled<T>(step: Promise<T>): Promise<T | undefined> {
  try {
    return await step
  } catch {
    return undefined
  }
}
