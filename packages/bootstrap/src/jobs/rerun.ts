import { beacon, draw } from '@hypermesh/consensus'
import { equal, sha256 } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'

import type { Entry } from '../directory.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { Peers } from '../peers.ts'
import type { SystemClock } from '../plugs/clock.ts'
import { requestFor } from './request.ts'
import type { Part } from './request.ts'
import { AUDIT_PROTOCOL, auditAnswerCodec, partCodec } from './wire.ts'
import type { JobEvent, JobWork } from './work.ts'

/** Parts that are run again. Who made up the outputs of a part `e` of a job is caught with 1-(1-e)^2. */
const RERUNS = 2

const OVERHEAD_MS = 20_000

interface Ran {
  readonly work: JobWork
  readonly parts: readonly Part[]
  readonly done: readonly {
    readonly node: Entry
    readonly output: Uint8Array
    readonly receipt: Uint8Array
  }[]
  readonly nodes: readonly Entry[]
}

interface Ways {
  readonly key: SigningKey
  readonly peers: Peers
  readonly ledger: Ledger
  readonly clock: SystemClock
}

/**
 * Has some parts run again by other nodes. Which parts, the last block decides: it did not exist when their receipts
 * were ordered. Each node that runs one again writes into the ledger what it got.
 */
export async function rerun(ran: Ran, ways: Ways, tell: (event: JobEvent) => void): Promise<void> {
  const head = ways.ledger.head()
  if (!head) return
  const start = performance.now()
  const seed = beacon(head.header, ways.key.publicKey)
  const drawn = draw(seed, 'rerun', Math.min(RERUNS, ran.parts.length), ran.parts.length)
  const verdicts = await Promise.all(drawn.map((index) => judge(index, ran, ways, seed)))
  const agreed = verdicts.filter((verdict) => verdict === 'same').length
  tell({ type: 'audited', parts: verdicts.length, agreed, ms: performance.now() - start })
}

type Verdict = 'same' | 'different' | 'nobody'

// The first of the drawn nodes that can: one may have died since.
async function judge(
  index: number,
  { work, parts, done, nodes }: Ran,
  ways: Ways,
  seed: Uint8Array,
): Promise<Verdict> {
  const part = parts[index]
  const result = done[index]
  if (!part || !result) return 'nobody'
  const others = nodes.filter(({ key }) => !equal(key, result.node.key))
  for (const place of draw(seed, `rerun ${index}`, others.length, others.length)) {
    const node = others[place]
    if (!node) continue
    const output = await ask(node, work, part, result.receipt, ways)
    if (output) return equal(output, sha256(result.output)) ? 'same' : 'different'
  }
  return 'nobody'
}

async function ask(
  node: Entry,
  work: JobWork,
  part: Part,
  receipt: Uint8Array,
  { key, clock, peers }: Ways,
): Promise<Uint8Array | undefined> {
  try {
    const body = partCodec.encode({
      ...requestFor(work, part, node, { key, clock }),
      receipt: sha256(receipt),
    })
    const signal = AbortSignal.timeout(work.limits.wallMs + OVERHEAD_MS)
    const answer = auditAnswerCodec.decode(
      await peers.request(node.key, AUDIT_PROTOCOL, body, { signal }),
    )
    return answer.ok && answer.value.type === 'ran' ? answer.value.output : undefined
  } catch {
    return undefined
  }
}
