/**
 * A node's process: answers the calls of the process that started it, and ends when that one does.
 */

import { createNode, inviteCodec } from '@hypermesh/bootstrap'
import type { MeshNode, NodeCard, NodeConfig } from '@hypermesh/bootstrap'

import type { CallName, Calls, Notice, Reply, Request } from './call.ts'
import { NexusError } from '../errors.ts'

/** Closing takes less; what has not closed by then would hold the process for ever. */
const CLOSE_MS = 4000

let node: MeshNode | undefined

const handlers: {
  [K in CallName]: (argument: Calls[K]['argument']) => Promise<Calls[K]['result']>
} = {
  create,
  found: ({ mesh }) => current().found(mesh),
  join: async (bytes) => {
    const invite = inviteCodec.decode(bytes)
    if (!invite.ok) throw new NexusError('bad-job', `not an invite: ${invite.refusal.code}`)
    await current().join(invite.value, { onPhase: (phase) => tell({ type: 'phase', ...phase }) })
    return null
  },
  lend: () => current().lend(),
  run: (work) => current().run(work, { onEvent: tell }),
  status: async () => current().status(),
}

async function create(argument: NodeConfig): Promise<NodeCard> {
  if (node) throw new NexusError('node-refused', 'the node exists already')
  node = await createNode(argument)
  return node.card
}

function current(): MeshNode {
  if (!node) throw new NexusError('node-refused', 'the node does not exist yet')
  return node
}

function tell(message: Notice | Reply): void {
  if (process.connected) process.send?.(message)
}

async function answer({ id, name, argument }: Request): Promise<void> {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The caller runs this same code.
    const value = await handlers[name](argument as never)
    tell({ type: 'result', id, value })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'internal'
    tell({
      type: 'failure',
      id,
      code,
      message: error instanceof Error ? error.message : String(error),
    })
  }
}

async function close(): Promise<void> {
  setTimeout(() => process.exit(1), CLOSE_MS).unref()
  await node?.[Symbol.asyncDispose]()
  process.exit(0)
}

process.on('message', (request: Request) => void answer(request))
process.on('disconnect', () => void close())
// The terminal sends Ctrl-C to the whole group; the process that started this one decides what it means.
process.on('SIGINT', () => {})
