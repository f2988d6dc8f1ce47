import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { createNode } from '@hypermesh/bootstrap'
import type { Invite, Left, MeshNode } from '@hypermesh/bootstrap'

/** Nodes of one mesh, in this process, over real QUIC. */
export interface TestMesh extends AsyncDisposable {
  readonly folder: string
  readonly nodes: MeshNode[]
  readonly invite: Invite
  /** What each node told of the phases that it left. */
  readonly left: Left[][]
  reopen(index: number): Promise<MeshNode>
}

export const passphrase = 'correct horse battery staple'

/** Nodes with keys and endpoints, and an invite for all of them; none has joined. */
export async function gather(count: number): Promise<TestMesh> {
  const folder = await mkdtemp(join(tmpdir(), 'bootstrap-'))
  const open = (index: number): Promise<MeshNode> =>
    createNode({
      name: `node-${index}`,
      directory: join(folder, `node-${index}`),
      passphrase,
      share: { index, of: count },
    })
  const nodes = await Promise.all(Array.from({ length: count }, (_, index) => open(index)))
  const root = await nodes[0]!.found('test')
  const members = nodes.map(({ card }) => ({ ...card, stake: 1n }))
  return {
    folder,
    nodes,
    invite: { mesh: 'test', root, founder: 0, members },
    left: nodes.map(() => []),
    reopen: async (index) => {
      await nodes[index]![Symbol.asyncDispose]()
      return (nodes[index] = await open(index))
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export async function joinAll({ nodes, invite, left }: TestMesh): Promise<void> {
  await Promise.all(
    nodes.map((node, index) => node.join(invite, { onPhase: (phase) => left[index]!.push(phase) })),
  )
}
