import { expect, test } from 'vitest'

import { gather, joinAll } from './mesh.ts'

test('nodes that are closed in any phase leave nothing open, and go on from there', async () => {
  await using mesh = await gather(2)
  for (const last of [-1, 0, 1, 2]) {
    const reached = Promise.withResolvers<void>()
    if (last < 0) reached.resolve()
    // The founder needs nobody to leave the first phases; it is the other that has to find its way back in.
    const onPhase = ({ phase }: { readonly phase: number }): void => {
      if (phase === last) reached.resolve()
    }
    const [founder, other] = mesh.nodes
    const joining = Promise.allSettled([
      founder!.join(mesh.invite),
      other!.join(mesh.invite, { onPhase }),
    ])
    await reached.promise
    // Were a file still locked or a port still taken, opening again would fail.
    await Promise.all([mesh.reopen(0), mesh.reopen(1)])
    for (const joined of await joining) {
      if (joined.status === 'rejected') expect(joined).toMatchObject({ reason: { code: 'closed' } })
    }
  }
  await joinAll(mesh)
  expect(mesh.nodes.map((node) => node.status().phase)).toEqual([3, 3])
  await mesh.nodes[0]![Symbol.asyncDispose]()
  await expect(mesh.nodes[0]!.join()).rejects.toMatchObject({ code: 'closed' })
}, 60_000)
