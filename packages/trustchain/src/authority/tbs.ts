import type { Template } from './template.ts'

/**
 * The part of a certificate that is to be signed, so that its hash can go to the ledger before a signature exists.
 *
 * @throws {TrustError} `time-out-of-range` when a certificate cannot say these times.
 */
export async function toBeSigned(template: Template): Promise<Uint8Array> {
  // The x509 library takes a tenth of a second to load, and a node that only verifies does not need it.
  const { build } = await import('./x509.ts')
  return build(template)
}
