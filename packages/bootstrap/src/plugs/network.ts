import { MESSAGE_SIZE_MAX } from '@hypermesh/consensus'
import type { Network } from '@hypermesh/consensus'
import { equal } from '@hypermesh/crypto'
import { createMessageReader, writeMessage } from '@hypermesh/stoq'
import type { Stream } from '@hypermesh/stoq'

import type { Peers } from '../peers.ts'
import type { SystemClock } from './clock.ts'

const PROTOCOL = 'hypermesh/consensus/1'

/**
 * Bytes that wait for one validator. A validator that does not read loses messages, which consensus
 * bears; it does not make the others keep them.
 */
const QUEUE_SIZE_MAX = 32 * 1024 * 1024

/** A validator that could not be reached is left alone this long. */
const RETRY_MS = 250n

/** A connection that is not there by now will not come: the validator is down, or the path is. */
const DIAL_MS = 2000

interface Line {
  readonly queue: Uint8Array[]
  queued: number
  isSending: boolean
  stream: Stream | undefined
  retryAt: bigint
}

/** Consensus messages between validators, a stream each way for each pair. */
export function consensusNetwork(options: {
  readonly peers: Peers
  readonly clock: SystemClock
  readonly validators: readonly { readonly key: Uint8Array }[]
  readonly self: number
}): Network & Disposable {
  const { peers, clock, validators, self } = options
  const lines: Line[] = validators.map(() => ({
    queue: [],
    queued: 0,
    isSending: false,
    stream: undefined,
    retryAt: 0n,
  }))
  const receivers: ((from: number, message: Uint8Array) => void)[] = []
  const inbound = listen(peers, validators, self, (from, message) => {
    for (const receive of receivers) receive(from, message)
  })
  let isClosed = false

  const drain = async (to: number, line: Line): Promise<void> => {
    const key = validators[to]?.key
    if (!key) return
    line.isSending = true
    try {
      line.stream ??= await peers.open(key, PROTOCOL, AbortSignal.timeout(DIAL_MS))
      for (let next = line.queue.shift(); next; next = line.queue.shift()) {
        line.queued -= next.length
        await writeMessage(line.stream, next)
      }
    } catch {
      // Lost messages are what consensus expects of a network; what waits is stale when the line is back.
      line.stream?.reset()
      line.stream = undefined
      line.queue.length = 0
      line.queued = 0
      line.retryAt = clock.now() + RETRY_MS
    } finally {
      line.isSending = false
    }
  }

  const send = (to: number, message: Uint8Array): void => {
    const line = lines[to]
    if (!line || to === self || isClosed) return
    if (line.queued + message.length > QUEUE_SIZE_MAX || clock.now() < line.retryAt) return
    line.queue.push(message)
    line.queued += message.length
    if (!line.isSending) void drain(to, line)
  }

  return {
    send,
    broadcast: (message) => {
      for (const to of lines.keys()) send(to, message)
    },
    onMessage: (receive) => void receivers.push(receive),
    [Symbol.dispose]: () => {
      isClosed = true
      for (const { stream } of lines) stream?.reset()
      inbound[Symbol.dispose]()
    },
  }
}

/** Takes messages in, on one stream from each validator: one that opens many has only the last of them read. */
function listen(
  peers: Peers,
  validators: readonly { readonly key: Uint8Array }[],
  self: number,
  receive: (from: number, message: Uint8Array) => void,
): Disposable {
  const streams = new Map<number, Stream>()
  let isClosed = false
  peers.serve(PROTOCOL, async (stream, peer) => {
    // Whoever is no validator has nothing to say here, whatever certificate it shows.
    const from = validators.findIndex(({ key }) => equal(key, peer.key))
    if (from < 0 || from === self || isClosed) return stream.reset()
    streams.get(from)?.reset()
    streams.set(from, stream)
    const reader = createMessageReader(stream, MESSAGE_SIZE_MAX)
    for (;;) {
      const message = await reader.next()
      if (message === null || isClosed) return
      receive(from, message)
    }
  })
  return {
    [Symbol.dispose]: () => {
      isClosed = true
      for (const stream of streams.values()) stream.reset()
    },
  }
}
