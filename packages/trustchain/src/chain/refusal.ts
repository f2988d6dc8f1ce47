/** Why a chain is not trusted. `at` counts from the leaf; the anchor is one past the last certificate it signed. */
export interface ChainRefusal {
  readonly code: ChainRefusalCode
  readonly at: number
  readonly detail: string
}

export type ChainRefusalCode =
  | 'empty-chain'
  | 'chain-too-long'
  | 'certificate-too-long'
  | 'malformed'
  | 'unknown-anchor'
  | 'issuer-mismatch'
  | 'algorithm-mismatch'
  | 'bad-signature'
  | 'not-yet-valid'
  | 'expired'
  | 'revoked'
  | 'unknown-critical-extension'
  | 'not-an-authority'
  | 'path-too-long'
  | 'key-usage'
  | 'key-purpose'
  | 'leaf-is-authority'
  | 'leaf-key'
  | 'name-missing'
  | 'name-malformed'
