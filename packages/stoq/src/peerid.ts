import { concat } from '@hypermesh/crypto'

/** Base58 of Bitcoin: no 0, O, I and l. */
const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

/** An Ed25519 peer id has 52 characters; base58 costs the square of its length. */
const TEXT_LENGTH_MAX = 64

/**
 * An identity multihash (0x00) of 36 bytes: a libp2p PublicKey message with field 1, the type, Ed25519 (1), and field
 * 2, the data, of 32 bytes. libp2p peer-ids specification, "Keys" and "Peer IDs".
 */
const PUBLIC_HEAD = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** The PrivateKey message of the same specification: type Ed25519, 64 bytes of seed and public key. */
const PRIVATE_HEAD = Uint8Array.of(0x08, 0x01, 0x12, 0x40)

/** A key in the form libp2p stores it: 68 bytes. Secret. */
export function privateKeyMessage(seed: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return concat(PRIVATE_HEAD, seed, publicKey)
}

/** The Ed25519 key, 32 bytes, inside a libp2p peer id; undefined when the text is not the id of such a key. */
export function keyOfPeerId(text: string): Uint8Array | undefined {
  const bytes = fromBase58(text)
  if (bytes?.length !== PUBLIC_HEAD.length + 32) return undefined
  if (!PUBLIC_HEAD.every((byte, index) => bytes[index] === byte)) return undefined
  return bytes.subarray(PUBLIC_HEAD.length)
}

/** The key at the end of a multiaddr such as `/ip6/::1/udp/9/quic-v1/p2p/12D3Koo...`. */
export function keyOfMultiaddr(text: string): Uint8Array | undefined {
  const mark = '/p2p/'
  const at = text.lastIndexOf(mark)
  return at === -1 ? undefined : keyOfPeerId(text.slice(at + mark.length))
}

function fromBase58(text: string): Uint8Array | undefined {
  if (text.length === 0 || text.length > TEXT_LENGTH_MAX) return undefined
  let value = 0n
  for (const character of text) {
    const digit = ALPHABET.indexOf(character)
    if (digit === -1) return undefined
    value = value * 58n + BigInt(digit)
  }
  const bytes: number[] = []
  for (; value > 0n; value >>= 8n) bytes.push(Number(value & 0xffn))
  // Each leading 1 stands for a zero byte.
  for (let index = 0; text[index] === '1'; index++) bytes.push(0)
  return Uint8Array.from(bytes.reverse())
}
