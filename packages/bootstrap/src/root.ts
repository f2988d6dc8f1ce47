import { mkdir } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { fileKeys, journalLedger, openAuthority } from '@hypermesh/trustchain'
import type { Authority } from '@hypermesh/trustchain'

import type { SystemClock } from './plugs/clock.ts'

interface RootOptions {
  /** The node's directory. */
  readonly directory: string
  readonly passphrase: string
  readonly clock: SystemClock
}

/** A root of trust that a node holds. */
export interface Root extends AsyncDisposable {
  readonly authority: Authority
}

/** Is there a root on this node? */
export function hasRoot({ directory }: Pick<RootOptions, 'directory'>): boolean {
  return existsSync(join(directory, 'root', 'authority.sqlite'))
}

/** Opens this node's root of trust, or makes it. It writes to a journal of its own until it is given a ledger. */
export async function openRoot(
  { directory, passphrase, clock }: RootOptions,
  mesh: string,
): Promise<Root> {
  const folder = join(directory, 'root')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await using scope = new AsyncDisposableStack()
  const ledger = scope.use(journalLedger({ file: join(folder, 'journal.sqlite') }))
  const keys = fileKeys({ directory: join(folder, 'keys'), passphrase })
  const authority = scope.use(
    await openAuthority({ file: join(folder, 'authority.sqlite'), keys, ledger, clock, mesh }),
  )
  const parts = scope.move()
  return { authority, [Symbol.asyncDispose]: () => parts.disposeAsync() }
}
