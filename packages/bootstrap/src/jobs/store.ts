import type { SigningKey } from '@hypermesh/crypto'
import { attach, narrow, referenceCodec } from '@hypermesh/proxy-nat'
import type { Links, Pointer, Reference, TrustSource } from '@hypermesh/proxy-nat'

import type { Entry } from '../directory.ts'
import { BootstrapError } from '../errors.ts'
import type { Peers } from '../peers.ts'
import { REGION_PROTOCOL, regionAnswerCodec, regionCodec } from './wire.ts'

/** Nodes whose memory holds each part: one of them may die. */
const COPIES = 2

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
 * Writes each part into the memory of two nodes, by global address.
 *
 * @param until - When the memory may be taken back, milliseconds.
 * @returns For each part, where it lies.
 * @throws {BootstrapError} `no-memory` when a node lends too little.
 */
export async function store(
  parts: readonly Uint8Array[],
  nodes: readonly Entry[],
  until: bigint,
  ways: Ways,
): Promise<readonly (readonly Copy[])[]> {
  const copies: Copy[][] = parts.map(() => [])
  await Promise.all(
    nodes.map(async (node, place) => {
      const held = parts.flatMap((bytes, part) =>
        isHolder(place, part, nodes.length) ? [{ part, bytes }] : [],
      )
      const size = held.reduce((sum, { bytes }) => sum + bytes.length, 0)
      if (size === 0) return
      for (const { part, copy } of await fill(node, held, size, until, ways))
        copies[part]?.push(copy)
    }),
  )
  return copies
}

/** Does the node at `place` of `of` hold the part? */
function isHolder(place: number, part: number, of: number): boolean {
  return (place - part + of * (part + 1)) % of < Math.min(COPIES, of)
}

async function fill(
  node: Entry,
  held: readonly { readonly part: number; readonly bytes: Uint8Array }[],
  size: number,
  until: bigint,
  ways: Ways,
): Promise<readonly { readonly part: number; readonly copy: Copy }[]> {
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

async function borrow(
  node: Entry,
  size: number,
  until: bigint,
  { peers }: Ways,
): Promise<Reference> {
  const body = regionCodec.encode({ size, until })
  const bytes = await peers.request(node.key, REGION_PROTOCOL, body, { responseMax: ANSWER_MAX })
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
