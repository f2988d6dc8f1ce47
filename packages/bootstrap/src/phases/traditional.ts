import { equal, sha256, toHex } from '@hypermesh/crypto'
import { pinnedKeys } from '@hypermesh/stoq'

import { BootstrapError } from '../errors.ts'
import { ROOT_PROTOCOL } from '../founder.ts'
import { founderOf } from './phase.ts'
import type { Passage, Phase } from './phase.ts'
import { until } from './wait.ts'

/** Longest root certificate that is read. */
const ROOT_SIZE_MAX = 32 * 1024

/** Keys pinned in the invite are all that is trusted. It is left with a root that matches the invite's pin. */
export const traditional: Phase = {
  number: 0,
  name: 'traditional',
  entry: ({ index, invite }) =>
    invite.members[index] ? undefined : 'this node is not in the invite',
  cross: async (passage) => {
    const { invite, peers, signal } = passage
    await passage.endpoint.setAuthenticator(pinnedKeys(invite.members.map(({ key }) => key)))
    passage.directory.use(() => invite.members)
    const founder = founderOf(passage)
    return await until(`the root of ${founder.name}`, signal, () =>
      peers.request(founder.key, ROOT_PROTOCOL, new Uint8Array(), {
        signal,
        responseMax: ROOT_SIZE_MAX,
      }),
    )
  },
  leave: async ({ invite, held, directory }: Passage, root) => {
    const fingerprint = sha256(root)
    if (!equal(fingerprint, invite.root)) {
      throw new BootstrapError(
        'root-mismatch',
        `the root is ${toHex(fingerprint)}, the invite pins ${toHex(invite.root)}: somebody stands between, or the invite is old`,
      )
    }
    held.root = root
    directory.use(() => invite.members)
    return `root ${toHex(fingerprint).slice(0, 16)} matches the invite's pin`
  },
}
