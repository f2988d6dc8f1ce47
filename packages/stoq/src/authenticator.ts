import { toHex } from '@hypermesh/crypto'

import { StoqError } from './errors.ts'

/** Decides who may speak to this node, and what this node shows to be let in elsewhere. */
export interface PeerAuthenticator {
  /** What this node shows: opaque bytes, at most `CREDENTIAL_SIZE_MAX`. */
  credential(): Uint8Array
  /** May the peer that proved the Ed25519 key `key` and shows `credential` speak? */
  authenticate(peer: {
    readonly key: Uint8Array
    readonly credential: Uint8Array
  }): Promise<Admission>
}

/** `reason` is told to the peer: keep secrets out of it. */
export type Admission =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly reason: string }

/**
 * Admits these Ed25519 keys, whatever they show, each under the hexadecimal of its key.
 *
 * @throws {StoqError} `bad-key` when one is not 32 bytes long.
 */
export function pinnedKeys(keys: Iterable<Uint8Array>): PeerAuthenticator {
  const names = new Set<string>()
  for (const key of keys) {
    if (key.length !== 32) throw new StoqError('bad-key', `a key of ${key.length} bytes`)
    names.add(toHex(key))
  }
  return {
    credential: () => new Uint8Array(0),
    authenticate: async ({ key }) => {
      const name = toHex(key)
      return names.has(name) ? { ok: true, name } : { ok: false, reason: 'not a pinned key' }
    },
  }
}
