import { concat } from '@hypermesh/crypto'

/** Reads to the end, keeping what arrived and never more than `sizeMax` bytes and one read. */
export async function gather(
  stream: { read(): Promise<Uint8Array | null> },
  sizeMax: number,
): Promise<
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: 'too-long' }
> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const chunk = await stream.read()
    if (chunk === null) return { ok: true, bytes: concat(...chunks) }
    size += chunk.length
    if (size > sizeMax) return { ok: false, code: 'too-long' }
    chunks.push(chunk)
  }
}
