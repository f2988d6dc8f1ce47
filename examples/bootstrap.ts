/**
 * Two nodes found a mesh: from pinned keys to certificates, a ledger, and roots that certify each other.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createNode } from '@hypermesh/bootstrap'

await using cleanup = new AsyncDisposableStack()
const folder = await mkdtemp(join(tmpdir(), 'example-'))
cleanup.defer(() => rm(folder, { recursive: true }))

const nodes = await Promise.all(
  ['ada', 'bob'].map((name, index) =>
    createNode({
      name,
      directory: join(folder, name),
      passphrase: `the passphrase of ${name}`,
      share: { index, of: 2 },
    }),
  ),
)
for (const node of nodes) cleanup.use(node)

const [founder] = nodes
const root = (await founder?.found('example')) ?? new Uint8Array()
const members = nodes.map(({ card }) => ({ ...card, stake: 1n }))
const invite = { mesh: 'example', root, founder: 0, members }

await Promise.all(
  nodes.map((node) =>
    node.join(invite, {
      onPhase: ({ phase, detail }) =>
        console.log(`${node.card.name} left phase ${phase}: ${detail}`),
    }),
  ),
)
