import type { PublicKeyInput } from 'node:crypto'

/** DER for `createPublicKey` and `createPrivateKey`. */
export function derInput(der: Uint8Array): PublicKeyInput['key'] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The typings ask for a Buffer; any view will do.
  return der as PublicKeyInput['key']
}
