import { randomFillSync } from 'node:crypto'

/** Where unpredictable bytes come from. */
export interface Random {
  /** Overwrites every byte of `bytes`. */
  fill(bytes: Uint8Array): void
}

/** The operating system's generator, by way of OpenSSL. */
export const systemRandom: Random = {
  fill: (bytes) => {
    randomFillSync(bytes)
  },
}

/** `length` bytes drawn from `random`. */
export function draw(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type -- The port's fill, not an array's.
  random.fill(bytes)
  return bytes
}
