import { toHex } from '@hypermesh/crypto'
import { assetAddress, nodeAddress } from '@hypermesh/proxy-nat'
import type { MeshAddress, TrustSource } from '@hypermesh/proxy-nat'

import type { Directory } from '../directory.ts'
import { registeredAssets } from '../ledger/ledger.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { SystemClock } from './clock.ts'

/** Who owns what is in the ledger; where the owner is, in the directory. */
export function ledgerTrust(ledger: Ledger, directory: Directory, clock: SystemClock): TrustSource {
  const owners = new Map<string, { readonly node: MeshAddress; readonly key: Uint8Array }>()
  // An address never changes hands, so only unknown ones are looked up.
  const learn = (): void => {
    for (const { owner, id } of registeredAssets(ledger.state())) {
      const entry = directory.byKey(owner)
      if (!entry) continue
      const node = nodeAddress({ ed25519: entry.key, falcon1024: entry.falcon })
      owners.set(toHex(assetAddress(node, id)), { node, key: owner })
    }
  }
  return {
    owner: async (asset) => {
      const name = toHex(asset)
      if (!owners.has(name)) learn()
      return owners.get(name)
    },
    // A capability ends with its lease, or when its region's generation moves on; none is taken back singly yet.
    isRevoked: () => false,
    now: () => clock.now(),
  }
}
