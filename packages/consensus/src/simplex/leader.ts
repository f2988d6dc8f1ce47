import { concat, sha256 } from '@hypermesh/crypto'

const DOMAIN = new TextEncoder().encode('hypermesh/leader/1')

/** What the leaders of an epoch are drawn from. */
export function epochSeed(chainId: Uint8Array, epoch: bigint): Uint8Array {
  return sha256(DOMAIN, chainId, numberBytes(epoch))
}

/**
 * Who may propose in a view. Everyone knows it in advance; the bias of the remainder is below 2^-56.
 *
 * @param validators - How many there are.
 */
export function leaderOf(seed: Uint8Array, view: bigint, validators: number): number {
  const drawn = sha256(concat(seed, numberBytes(view)))
  const number = new DataView(drawn.buffer, drawn.byteOffset).getBigUint64(0)
  return Number(number % BigInt(validators))
}

function numberBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, value)
  return bytes
}
