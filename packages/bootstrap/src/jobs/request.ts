import { programHash } from '@hypermesh/catalog-vm'
import { sha256 } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'

import type { Entry } from '../directory.ts'
import type { SystemClock } from '../plugs/clock.ts'
import { handOn } from './store.ts'
import type { Copy } from './store.ts'
import { referencesCodec } from './wire.ts'
import type { PartRequest } from './wire.ts'
import type { JobWork } from './work.ts'

/** A part of a job's input, and where it lies. */
export interface Part {
  readonly index: number
  readonly bytes: Uint8Array
  /** SHA-256 of the bytes. */
  readonly hash: Uint8Array
  readonly copies: readonly Copy[]
}

/** The request to run a part on a node, with what lets that node read it. */
export function requestFor(
  work: JobWork,
  part: Part,
  node: Entry,
  { key, clock }: { readonly key: SigningKey; readonly clock: SystemClock },
): PartRequest {
  const places = handOn(part.copies, node.key, key, clock.now())
  return {
    id: sha256(programHash(work.program), part.hash, node.key),
    ...work.program,
    ...work.limits,
    input: referencesCodec.encode({ places }),
    inputMax: part.bytes.length,
    isolation: work.isolation,
  }
}
