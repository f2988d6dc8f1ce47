import type { Mounts } from '@hypermesh/catalog-vm'
import type { SigningKey } from '@hypermesh/crypto'
import { attach, referenceCodec } from '@hypermesh/proxy-nat'
import type { Links, TrustSource } from '@hypermesh/proxy-nat'

import { referencesCodec } from '../jobs/wire.ts'

/** A place that does not answer by then, or is slower than so many bytes a millisecond, is left for the next one. */
const PLACE_MS = 5000
const PLACE_BYTES_PER_MS = 1024

/** A job's input, read from other nodes' memory. `read` counts the bytes that came from there. */
export function remoteMounts(options: {
  readonly links: Links
  readonly trust: TrustSource
  readonly holder: SigningKey
  readonly onBytes: (count: number) => void
}): Mounts {
  const { links, trust, holder, onBytes } = options
  const readPlace = async (place: Uint8Array, sizeMax: number): ReturnType<Mounts['read']> => {
    const reference = referenceCodec.decode(place)
    if (!reference.ok) return { ok: false, reason: `not a reference: ${reference.refusal.code}` }
    const { pointer } = reference.value
    if (pointer.length > sizeMax)
      return { ok: false, reason: `${pointer.length} bytes are too many` }
    const signal = AbortSignal.timeout(PLACE_MS)
    const attached = await attach({
      links,
      trust,
      capability: reference.value.capability,
      pointer,
      holder,
      signal,
    })
    if (!attached.ok) return { ok: false, reason: attached.refusal.code }
    await using region = attached.region
    const longest = PLACE_MS + pointer.length / PLACE_BYTES_PER_MS
    const read = await within(longest, region.read(0, pointer.length))
    if (!read) return { ok: false, reason: 'it does not answer any more' }
    if (!read.ok) return { ok: false, reason: read.refusal.code }
    onBytes(read.bytes.length)
    return read
  }
  return {
    read: async (reference, sizeMax) => {
      const references = referencesCodec.decode(reference)
      if (!references.ok) return { ok: false, reason: `not references: ${references.refusal.code}` }
      // A part of no bytes is nowhere: there is nothing to read.
      if (sizeMax === 0) return { ok: true, bytes: new Uint8Array() }
      const reasons: string[] = []
      for (const place of references.value.places) {
        // A place may be on a node that has just died: that is what the others are for.
        const read = await readPlace(place, sizeMax).catch((error: unknown) => ({
          ok: false as const,
          reason: String(error),
        }))
        if (read.ok) return read
        reasons.push(read.reason)
      }
      return { ok: false, reason: `no place answered: ${reasons.join('; ')}` }
    },
  }
}

/** @returns Undefined when it takes longer. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
