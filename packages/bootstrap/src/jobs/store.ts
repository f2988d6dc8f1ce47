import type { SigningKey } from '@hypermesh/crypto'
import { attach, narrow, referenceCodec } from '@hypermesh/proxy-nat'
import type { Links, Pointer, Reference, TrustSource } from '@hypermesh/proxy-nat'

import type { Entry } from '../directory.ts'
import { BootstrapError } from '../errors.ts'
import type { Peers } from '../peers.ts'
import {
  REGION_PROTOCOL,
  regionAnswerCodec,
  regionCodec,
  RETURN_PROTOCOL,
  returnCodec,
} from './wire.ts'

/** Nodes whose memory holds each part: one of them may die. */
const COPIES = 2

/** A node that has not lent by then is left out: a ground, an audit and two turns of the ledger. */
const BORROW_MS = 30_000

/** A node that has not taken its memory back by then takes it at the end of the lease. */
const RETURN_MS = 5000

/** Longest answer to a request for memory. */
const ANSWER_MAX = 16_384

/** A part in one node's memory. */
export interface Copy {
  readonly node: Entry
  readonly capability: Uint8Array
  readonly pointer: Pointer
  /** Of the capability, milliseconds. */
  readonly until: bigint
}

interface Ways {
  readonly links: Links
  readonly trust: TrustSource
  readonly peers: Peers
  readonly key: SigningKey
}

/**
 * Writes each part into the memory of two nodes, by global address. A node that lends none is left out, and its parts
 * go to others.
 *
 * @param until - When the memory may be taken back, milliseconds.
 * @returns For each part, where it lies.
 * @throws {BootstrapError} `no-memory` when no node is left that lends any.
 */
export async function store(
  parts: readonly Uint8Array[],
  nodes: readonly Entry[],
  until: bigint,
  ways: Ways,
): Promise<readonly (readonly Copy[])[]> {
  const copies: Copy[][] = parts.map(() => [])
  let willing = nodes
  let reason: unknown
  for (;;) {
    const plan = planOf(parts, copies, willing)
    if (plan.size === 0) break
    const failed = new Set<Entry>()
    const fillOne = async ([node, held]: readonly [Entry, readonly Held[]]): Promise<void> => {
      try {
        for (const { part, copy } of await fill(node, held, until, ways)) copies[part]?.push(copy)
      } catch (error) {
        failed.add(node)
        reason = error
      }
    }
    await Promise.all([...plan].map(fillOne))
    willing = willing.filter((node) => !failed.has(node))
  }
  if (copies.every(({ length }, part) => length > 0 || parts[part]?.length === 0)) return copies
  throw new BootstrapError('no-memory', `no node lends memory: ${messageOf(reason)}`, {
    cause: reason,
  })
}

interface Held {
  readonly part: number
  readonly bytes: Uint8Array
}

/** Which parts each node is to hold besides what it holds: neighbours in the list hold the same part. */
function planOf(
  parts: readonly Uint8Array[],
  copies: readonly (readonly Copy[])[],
  nodes: readonly Entry[],
): ReadonlyMap<Entry, readonly Held[]> {
  const plan = new Map<Entry, Held[]>()
  for (const [part, bytes] of parts.entries()) {
    const known = copies[part] ?? []
    const start = part % Math.max(nodes.length, 1)
    const others = [...nodes.slice(start), ...nodes.slice(0, start)].filter((node) =>
      known.every((copy) => copy.node !== node),
    )
    // Nothing needs no memory: whoever reads it is told that it is empty.
    const wanted = bytes.length === 0 ? 0 : Math.max(COPIES - known.length, 0)
    for (const node of others.slice(0, wanted))
      plan.set(node, [...(plan.get(node) ?? []), { part, bytes }])
  }
  return plan
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

async function fill(
  node: Entry,
  held: readonly Held[],
  until: bigint,
  ways: Ways,
): Promise<readonly { readonly part: number; readonly copy: Copy }[]> {
  const size = held.reduce((sum, { bytes }) => sum + bytes.length, 0)
  const { capability, pointer } = await borrow(node, size, until, ways)
  const attached = await attach({
    links: ways.links,
    trust: ways.trust,
    capability,
    pointer,
    holder: ways.key,
  })
  if (!attached.ok) throw new BootstrapError('no-memory', `${node.name}: ${attached.refusal.code}`)
  await using region = attached.region
  const placed: { part: number; copy: Copy }[] = []
  let offset = 0
  for (const { part, bytes } of held) {
    const written = await region.write(offset, bytes)
    if (!written.ok) throw new BootstrapError('no-memory', `${node.name}: ${written.refusal.code}`)
    const at = { ...pointer, offset: pointer.offset + offset, length: bytes.length }
    placed.push({ part, copy: { node, capability, pointer: at, until } })
    offset += bytes.length
  }
  return placed
}

/** Gives all memory of the parts back. A node that is gone has lost it anyway. */
export async function giveBack(copies: readonly (readonly Copy[])[], peers: Peers): Promise<void> {
  const regions = new Map(
    copies.flat().map(({ node, pointer }) => [`${node.name}/${pointer.region}`, { node, pointer }]),
  )
  await Promise.allSettled(
    [...regions.values()].map(({ node, pointer: { region } }) =>
      peers.request(node.key, RETURN_PROTOCOL, returnCodec.encode({ region }), {
        signal: AbortSignal.timeout(RETURN_MS),
      }),
    ),
  )
}

async function borrow(
  node: Entry,
  size: number,
  until: bigint,
  { peers }: Ways,
): Promise<Reference> {
  const body = regionCodec.encode({ size, until })
  const bytes = await peers.request(node.key, REGION_PROTOCOL, body, {
    signal: AbortSignal.timeout(BORROW_MS),
    responseMax: ANSWER_MAX,
  })
  const answer = regionAnswerCodec.decode(bytes)
  if (!answer.ok)
    throw new BootstrapError('no-memory', `${node.name} answered nonsense: ${answer.refusal.code}`)
  if (answer.value.type === 'refused') {
    throw new BootstrapError('no-memory', `${node.name} lends no memory: ${answer.value.reason}`)
  }
  const reference = referenceCodec.decode(answer.value.reference)
  if (!reference.ok) throw new BootstrapError('no-memory', `${node.name} answered nonsense`)
  return reference.value
}

/** What lets `reader` read the part, and nothing else, from wherever it lies. */
export function handOn(
  copies: readonly Copy[],
  reader: Uint8Array,
  key: SigningKey,
  now: bigint,
): readonly Uint8Array[] {
  return copies.map(({ capability, pointer, until }) =>
    referenceCodec.encode({
      capability: narrow({
        capability,
        holder: key,
        audience: reader,
        rights: ['attach', 'read'],
        offset: pointer.offset,
        length: pointer.length,
        notBefore: now,
        notAfter: until,
      }),
      pointer,
    }),
  )
}
