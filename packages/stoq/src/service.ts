import { concat } from '@hypermesh/crypto'

import { StoqError } from './errors.ts'
import { gather } from './gather.ts'
import { BODY_SIZE_MAX } from './limits.ts'
import type { LaneStream, Stream } from './stream.ts'

/** The other end of a connection. */
export interface Peer {
  /** Its Ed25519 key, 32 bytes, proved. */
  readonly key: Uint8Array
  /** What the authenticator calls it. */
  readonly name: string
}

/** Owns the stream: it ends or resets it. One that throws has its stream reset. */
export type StreamHandler = (stream: Stream, peer: Peer) => Promise<void> | void

/** `signal` fires when the peer gives up the request or is lost. */
export type RequestHandler = (
  body: Uint8Array,
  peer: Peer,
  context: { readonly signal: AbortSignal },
) => Promise<Uint8Array>

/** The first byte of an answer. */
export const status = { accepted: 0, unknownProtocol: 1, failed: 2, tooLong: 3 } as const

/** Serves one inbound stream. Rejects with what a handler threw. */
export type Service = (stream: LaneStream, peer: Peer) => Promise<void>

/** Answers at once, so that the opener learns in one round trip that somebody is there. */
export function streamService(handler: StreamHandler): Service {
  return async (stream, peer) => {
    stream.write(Uint8Array.of(status.accepted)).catch(() => undefined)
    try {
      await handler(stream, peer)
    } catch (error) {
      stream.reset()
      throw error
    }
  }
}

/** The answer's first byte goes with the response. */
export function requestService(
  handler: RequestHandler,
  { requestMax = BODY_SIZE_MAX }: { readonly requestMax?: number } = {},
): Service {
  return async (stream, peer) => {
    const gone = new AbortController()
    stream.onGone(() => gone.abort(new StoqError('aborted', 'the peer gave up the request')))
    const body = await gather(stream, requestMax)
    if (!body.ok) return refuseStream(stream, status.tooLong)
    try {
      const response = await handler(body.bytes, peer, { signal: gone.signal })
      await stream.write(concat(Uint8Array.of(status.accepted), response))
      await stream.end()
    } catch (error) {
      refuseStream(stream, status.failed)
      throw error
    }
  }
}

/** Answers with a refusal and listens no further. */
export function refuseStream(stream: LaneStream, code: number): void {
  stream.write(Uint8Array.of(code)).catch(() => undefined)
  stream.end().catch(() => undefined)
  stream.deafen()
}

/**
 * @throws {StoqError} `unknown-protocol`, `failed`, `too-long` as the peer says; `malformed` when it says none of
 * them; `reset` when it says nothing.
 */
export function checkStatus(code: number | undefined, protocol: string): void {
  switch (code) {
    case status.accepted:
      return
    case status.unknownProtocol:
      throw new StoqError('unknown-protocol', `the peer does not serve ${protocol}`)
    case status.failed:
      throw new StoqError('failed', `the peer failed to answer ${protocol}`)
    case status.tooLong:
      throw new StoqError('too-long', `the peer takes no request of this length for ${protocol}`)
    case undefined:
      throw new StoqError('reset', `the peer ended ${protocol} without an answer`)
    default:
      throw new StoqError('malformed', `the peer answers ${protocol} with status ${code}`)
  }
}
