import { concat } from '../bytes.ts'
import { sha256 } from '../hash.ts'

const utf8 = new TextEncoder()

/** The two halves of a hybrid, the classical one first. */
export type Component = 'ed25519' | 'ml-dsa-65' | 'ml-dsa-87' | 'falcon-1024'

// No record starts like this: records are CBOR arrays, whose first byte is 0x83.
const LABEL = 'hypermesh/hybrid-signature/1'

/**
 * What one half of a hybrid signs: label, scheme, component, the hash of both public keys, message.
 * The names end with a zero byte, so the parts cannot shift. Because the text names the hybrid, the half
 * is no valid signature of the message alone; because it names the keys, it fits no other pair.
 */
export function componentMessage(
  scheme: string,
  component: Component,
  publicKeys: Uint8Array,
  message: Uint8Array,
): Uint8Array {
  const names = utf8.encode(`${LABEL}\0${scheme}\0${component}\0`)
  return concat(names, sha256(publicKeys), message)
}
