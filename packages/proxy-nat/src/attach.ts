import { equal } from '@hypermesh/crypto'
import { type Claims, verifyCapability } from './chain.ts'
import { type Channel, openChannel } from './channel.ts'
import { ProxyNatError } from './errors.ts'
import type { ByteStream, Links } from './links.ts'
import type { Pointer } from './pointer.ts'
import type { Refusal } from './refusal.ts'
import { openRegion, type RemoteRegion } from './remote.ts'
import { statCodec } from './stat.ts'
import type { TrustSource } from './trust.ts'

export type Attached =
  | { readonly ok: true; readonly region: RemoteRegion }
  | { readonly ok: false; readonly refusal: Refusal }

export interface AttachOptions {
  readonly links: Links
  readonly trust: TrustSource
  /** As `grant` or `narrow` made it. */
  readonly capability: Uint8Array
  /** What to open: within the capability's bytes. */
  readonly pointer: Pointer
  /** Whose key the transport proves to the other node: the capability's audience. Ed25519, 32 bytes. */
  readonly holder: { readonly publicKey: Uint8Array }
  /** Gives up attaching; an attached region is ended with its dispose. */
  readonly signal?: AbortSignal
}

/**
 * Opens a region on whichever node has it.
 *
 * The capability is verified here first: what the other node would refuse is refused without asking it.
 *
 * @throws the signal's reason when it gives up.
 */
export async function attach(options: AttachOptions): Promise<Attached> {
  const { links, trust, capability, pointer, holder, signal } = options
  signal?.throwIfAborted()
  const verified = verifyCapability(capability, holder.publicKey, trust)
  if (!verified.ok) return verified
  const { claims } = verified
  if (!isWithin(pointer, verified.capability, claims)) return refuse({ code: 'out-of-range' })
  const owner = await trust.owner(pointer.address)
  if (owner === undefined || !equal(owner.key, verified.capability.origin.owner)) {
    return refuse({ code: 'not-the-owner' })
  }
  let stream: ByteStream
  try {
    stream = await links.open(owner.node, signal)
  } catch (error) {
    signal?.throwIfAborted()
    return refuse({ code: 'unreachable', reason: String(error) })
  }
  const channel = openChannel(stream)
  const abort = (): void => channel.close({ code: 'disconnected', reason: 'given up' })
  signal?.addEventListener('abort', abort)
  try {
    const attached = await shake(channel, options, claims)
    signal?.throwIfAborted()
    return attached
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}

async function shake(channel: Channel, options: AttachOptions, claims: Claims): Promise<Attached> {
  const { capability, pointer } = options
  const length = capability.length
  const fields = { operation: 'attach', handle: 0, generation: 0, offset: 0, length } as const
  const answer = await channel.request({ ...fields, body: capability })
  if (!answer.ok) {
    channel.close(answer.refusal)
    return answer
  }
  const stat = statCodec.decode(answer.frame.body)
  const isOurs =
    stat.ok && stat.value.offset === claims.offset && stat.value.length === claims.length
  if (!isOurs) {
    const refusal = { code: 'protocol', reason: 'attached to something else' } as const
    channel.close(refusal)
    return refuse(refusal)
  }
  const { handle, generation } = answer.frame.header
  return { ok: true, region: openRegion({ channel, handle, generation, pointer }) }
}

function isWithin(
  { address, region, offset, length }: Pointer,
  capability: { readonly asset: Uint8Array; readonly region: number },
  claims: Claims,
): boolean {
  if (!Number.isSafeInteger(offset + length) || offset < 0 || length < 0) {
    throw new ProxyNatError('out-of-range', `no such place: ${offset}+${length}`)
  }
  return (
    equal(address, capability.asset) &&
    region === capability.region &&
    offset >= claims.offset &&
    offset + length <= claims.offset + claims.length
  )
}

function refuse(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal }
}
