import { equal } from '@hypermesh/crypto'
import type { MeshAddress } from './address.ts'
import { allows, type Claims, deadCode, verifyCapability } from './chain.ts'
import type { Frame } from './decoder.ts'
import { encodeFrame, type Header } from './frame.ts'
import type { MemoryRefusalCode } from './refusal.ts'
import { statCodec } from './stat.ts'
import { type Entry, isWithin, type Translation } from './table.ts'
import type { TrustSource } from './trust.ts'

/** Most attachments of one stream at a time. */
export const ATTACHMENTS_MAX = 64

/** Most attachments that one stream may try in vain: each can cost a signature check for every grant of a chain. */
export const ATTACH_FAILURES_MAX = 64

/** The owner's side of one stream, without the stream: a request in, a reply out. */
export interface Session {
  /** The encoded reply. READ and WRITE are answered at once: no other operation comes between. */
  handle(frame: Frame): Uint8Array | Promise<Uint8Array>
  /** The notices to send after a revocation at `entry`: one for each attachment, once. */
  notices(entry: Entry): Uint8Array[]
  /** Whether the peer has used up its failed attachments. */
  readonly isExhausted: boolean
}

interface Attachment {
  readonly handle: number
  readonly entry: Entry
  readonly claims: Claims
  /** The target's generation when it was attached. */
  readonly generation: number
  isNotified: boolean
  reads: number
  writes: number
  bytesRead: number
  bytesWritten: number
}

export interface SessionOptions {
  /** This node's address. */
  readonly self: MeshAddress
  readonly table: Translation
  readonly trust: TrustSource
  /** Ed25519 key of the peer, authenticated by the transport, 32 bytes. */
  readonly peer: Uint8Array
}

type Permission =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: MemoryRefusalCode; readonly node?: MeshAddress }

export function createSession(options: SessionOptions): Session {
  return new MemorySession(options)
}

class MemorySession implements Session {
  readonly #options: SessionOptions
  readonly #attachments = new Map<number, Attachment>()
  #handleLast = 0
  #failures = 0

  constructor(options: SessionOptions) {
    this.#options = options
  }

  get isExhausted(): boolean {
    return this.#failures >= ATTACH_FAILURES_MAX
  }

  handle(frame: Frame): Uint8Array | Promise<Uint8Array> {
    const { header } = frame
    if (header.operation === 'attach') return this.#attach(frame)
    const attachment = this.#attachments.get(header.handle)
    if (attachment === undefined) return refused(header, 'not-attached')
    // To let go is always allowed, whatever became of the region.
    if (header.operation === 'detach') {
      this.#attachments.delete(header.handle)
      return done(header, attachment)
    }
    const permission = this.#permit(attachment, header)
    if (!permission.ok) {
      attachment.entry.count('refused', 1)
      return refused(header, permission.code, permission.node)
    }
    return perform(attachment, frame, permission.bytes)
  }

  notices(entry: Entry): Uint8Array[] {
    const notices: Uint8Array[] = []
    for (const attachment of this.#attachments.values()) {
      if (attachment.entry !== entry || attachment.isNotified) continue
      attachment.isNotified = true
      const { handle, generation } = attachment
      const fields = { operation: 'revoked', status: 'ok', request: 0, offset: 0 } as const
      notices.push(encodeFrame('reply', { ...fields, handle, generation }))
    }
    return notices
  }

  async #attach({ header, body }: Frame): Promise<Uint8Array> {
    if (this.#attachments.size >= ATTACHMENTS_MAX) return refused(header, 'too-many')
    const admitted = await this.#admit(body)
    if (!admitted.ok) {
      this.#failures += 1
      return refused(header, admitted.code, admitted.node)
    }
    const { attachment } = admitted
    this.#attachments.set(attachment.handle, attachment)
    attachment.entry.count('attached', 1)
    const { handle, generation } = attachment
    const stat = statOf(attachment)
    return encodeFrame(
      'reply',
      { ...header, handle, generation, offset: 0, length: stat.length },
      stat,
    )
  }

  async #admit(
    bytes: Uint8Array,
  ): Promise<
    | { readonly ok: true; readonly attachment: Attachment }
    | { readonly ok: false; readonly code: MemoryRefusalCode; readonly node?: MeshAddress }
  > {
    const { self, table, trust, peer } = this.#options
    const verified = verifyCapability(bytes, peer, trust)
    if (!verified.ok) return { ok: false, code: verified.refusal.code }
    const { capability, claims } = verified
    if (!allows(claims, 'attach')) return { ok: false, code: 'no-right' }
    const owner = await trust.owner(capability.asset)
    if (owner === undefined || !equal(owner.key, capability.origin.owner)) {
      return { ok: false, code: 'not-the-owner' }
    }
    if (!equal(owner.node, self)) return { ok: false, code: 'moved', node: owner.node }
    const entry = table.entry(capability.asset, capability.region)
    if (entry === undefined) return { ok: false, code: 'unknown-region' }
    // Looked up after the last await: the answer holds for this tick.
    const target = entry.target()
    if (target.state === 'moved') return { ok: false, code: 'moved', node: target.node }
    if (target.generation !== claims.generation) return { ok: false, code: 'stale' }
    if (target.state !== 'active') {
      return { ok: false, code: target.state === 'gone' ? 'unknown-region' : 'draining' }
    }
    if (!isWithin(target.bytes, claims.offset, claims.length)) {
      return { ok: false, code: 'out-of-range' }
    }
    this.#handleLast += 1
    const done = { reads: 0, writes: 0, bytesRead: 0, bytesWritten: 0, isNotified: false }
    const { generation } = target
    return {
      ok: true,
      attachment: { handle: this.#handleLast, entry, claims, generation, ...done },
    }
  }

  /** Every rule of an operation, in one place. */
  #permit(attachment: Attachment, header: Header): Permission {
    const { claims, generation } = attachment
    const target = attachment.entry.target()
    if (target.state === 'moved') return { ok: false, code: 'moved', node: target.node }
    // The peer's word is not enough: it could name the new generation on an old attachment.
    if (target.generation !== generation || header.generation !== generation) {
      return { ok: false, code: 'stale' }
    }
    if (target.state === 'gone') return { ok: false, code: 'stale' }
    const dead = deadCode(claims, this.#options.trust)
    if (dead !== undefined) return { ok: false, code: dead }
    const { operation, offset, length } = header
    if (operation !== 'read' && operation !== 'write') return { ok: true, bytes: target.bytes }
    if (!allows(claims, operation)) return { ok: false, code: 'no-right' }
    const isGranted = offset >= claims.offset && offset + length <= claims.offset + claims.length
    // The region may be smaller now than the grant says.
    if (!isGranted || !isWithin(target.bytes, offset, length)) {
      return { ok: false, code: 'out-of-range' }
    }
    return { ok: true, bytes: target.bytes }
  }
}

function perform(attachment: Attachment, { header, body }: Frame, bytes: Uint8Array): Uint8Array {
  const { offset, length, operation } = header
  if (operation === 'read') {
    attachment.reads += 1
    attachment.bytesRead += length
    attachment.entry.count('reads', 1)
    attachment.entry.count('bytesRead', length)
    // The one copy of a read on this side: the memory may change while the transport still holds the reply.
    return done(header, attachment, bytes.subarray(offset, offset + length))
  }
  if (operation === 'write') {
    bytes.set(body, offset)
    attachment.writes += 1
    attachment.bytesWritten += length
    attachment.entry.count('writes', 1)
    attachment.entry.count('bytesWritten', length)
    return done(header, attachment)
  }
  return done(header, attachment, statOf(attachment))
}

function statOf({ claims, ...attachment }: Attachment): Uint8Array {
  const { offset, length, rights, notAfter } = claims
  const { reads, writes, bytesRead, bytesWritten } = attachment
  const counted = { reads, writes, bytesRead, bytesWritten }
  return statCodec.encode({ offset, length, rights, notAfter, ...counted })
}

function done(header: Header, { generation }: Attachment, body?: Uint8Array): Uint8Array {
  const { operation, request, handle } = header
  return encodeFrame(
    'reply',
    { operation, status: 'ok', request, handle, generation, offset: 0 },
    body,
  )
}

function refused(header: Header, code: MemoryRefusalCode, node?: MeshAddress): Uint8Array {
  const { operation, request, handle, generation } = header
  const fields = { operation, status: code, request, handle, generation, offset: 0 }
  return encodeFrame('reply', fields, node)
}
