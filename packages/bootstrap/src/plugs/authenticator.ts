import { equal } from '@hypermesh/crypto'
import type { Admission, PeerAuthenticator } from '@hypermesh/stoq'
import { decodeChain, encodeChain, verifyChain } from '@hypermesh/trustchain'

import type { SystemClock } from './clock.ts'

/** What decides whether a certificate is good, asked at every connection. */
export interface Trust {
  /** Root certificates, DER. */
  anchors(): readonly Uint8Array[]
  /** @param issuer - SHA-256 of the key that signed the certificate. */
  isRevoked(serial: string, issuer: Uint8Array): boolean
}

/**
 * Admits whoever shows a chain to an anchor, for the very key that it speaks with.
 *
 * @param chain - This node's own, leaf first.
 */
export function certificateChain(options: {
  readonly chain: readonly Uint8Array[]
  readonly trust: Trust
  readonly clock: SystemClock
}): PeerAuthenticator {
  const { chain, trust, clock } = options
  const credential = encodeChain(chain)
  return {
    credential: () => credential,
    authenticate: async ({ key, credential: shown }): Promise<Admission> => {
      const decoded = decodeChain(shown)
      if (!decoded.ok) return { ok: false, reason: 'shows no certificate' }
      const verdict = await verifyChain({
        chain: decoded.chain,
        anchors: trust.anchors(),
        now: clock.now(),
        isRevoked: (serial, issuer) => trust.isRevoked(serial, issuer),
      })
      if (!verdict.ok)
        return { ok: false, reason: `certificate: ${JSON.stringify(verdict.reasons)}` }
      // A certificate is public: only its key makes it the peer's own.
      if (!equal(verdict.key, key)) return { ok: false, reason: 'certificate is for another key' }
      return { ok: true, name: verdict.name }
    },
  }
}

/**
 * Between pins and certificates, while some of the pinned still wait for theirs: a peer must be pinned, and where
 * it shows a certificate, that must be good too. Never weaker than the pins alone.
 */
export function pinnedAndCertified(
  pins: PeerAuthenticator,
  certified: PeerAuthenticator,
): PeerAuthenticator {
  return {
    credential: () => certified.credential(),
    authenticate: async (peer) => {
      const pinned = await pins.authenticate(peer)
      if (!pinned.ok || peer.credential.length === 0) return pinned
      return await certified.authenticate(peer)
    },
  }
}
