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
