/** Bytes of an AES-GCM nonce, NIST SP 800-38D section 8.2.1. */
const NONCE_SIZE = 12

/** Bytes by which a tag lengthens what is sealed. */
export const TAG_SIZE = 16

/** Bytes of the random salt that gives each sealer a key of its own. */
export const SALT_SIZE = 32

/** Nonce of the record at `counter`: one byte that says whether it is the last, three zero, eight of counter. */
export function nonceAt(counter: number, last: boolean): Uint8Array {
  const nonce = new Uint8Array(NONCE_SIZE)
  nonce[0] = last ? 1 : 0
  new DataView(nonce.buffer).setBigUint64(4, BigInt(counter))
  return nonce
}
