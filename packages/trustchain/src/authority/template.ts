import type { NativeScheme } from '@hypermesh/crypto'

/** Who signs, and with what kind of key. */
export interface Issuer {
  /** A common name, or a distinguished name in DER. */
  readonly name: string | Uint8Array
  readonly scheme: NativeScheme
  readonly publicKey: Uint8Array
}

/** What a certificate shall say. Times in milliseconds since 1970; they are cut to seconds. */
export interface Template {
  readonly serial: string
  readonly issuer: Issuer
  readonly key: { readonly scheme: NativeScheme; readonly publicKey: Uint8Array }
  readonly notBefore: bigint
  readonly notAfter: bigint
  readonly kind:
    | {
        readonly type: 'authority'
        /** A common name, or a distinguished name in DER. */
        readonly name: string | Uint8Array
        readonly below: number
      }
    | { readonly type: 'node'; readonly name: string }
}

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
