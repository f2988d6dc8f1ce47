import { toHex } from '@hypermesh/crypto'
import type { RequestHandler } from '@hypermesh/stoq'

/**
 * Answers so many requests of each peer at a time, and `busy` to what is beyond: one peer cannot have a node work for
 * it alone.
 */
export function perPeer(limit: number, busy: Uint8Array, handler: RequestHandler): RequestHandler {
  const underWay = new Map<string, number>()
  return async (body, peer, context) => {
    const id = toHex(peer.key)
    const count = underWay.get(id) ?? 0
    if (count >= limit) return busy
    underWay.set(id, count + 1)
    try {
      return await handler(body, peer, context)
    } finally {
      const left = (underWay.get(id) ?? 1) - 1
      if (left > 0) underWay.set(id, left)
      else underWay.delete(id)
    }
  }
}
