import { Intake } from './intake.ts'

/** Reads to the end, keeping what arrived and never more than `sizeMax` bytes and one read. */
export async function gather(
  stream: { read(): Promise<Uint8Array | null> },
  sizeMax: number,
): Promise<
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: 'too-long' }
> {
  const intake = new Intake()
  for (;;) {
    const chunk = await stream.read()
    if (chunk === null) return { ok: true, bytes: intake.bytes() }
    if (intake.size + chunk.length > sizeMax) return { ok: false, code: 'too-long' }
    intake.put(chunk)
  }
}
