import { generateSigningKey } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'

import { pinnedKeys } from '../authenticator.ts'
import type { OpenCarrier } from '../carrier.ts'
import type { Connection } from '../connection.ts'
import { createEndpoint } from '../endpoint.ts'
import type { Endpoint } from '../endpoint.ts'
import type { Limits } from '../limits.ts'

/** Two endpoints that admit each other, and disposes of both. */
export class Pair implements AsyncDisposable {
  readonly here: Endpoint
  readonly there: Endpoint

  constructor(here: Endpoint, there: Endpoint) {
    this.here = here
    this.there = there
  }

  connect(): Promise<Connection> {
    return this.here.connect(this.there.address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.here[Symbol.asyncDispose](), this.there[Symbol.asyncDispose]()])
  }
}

/** Two keys, the smaller one first: order decides which of two connections stays. */
export function twoKeys(): readonly [SigningKey, SigningKey] {
  const a = generateSigningKey('ed25519')
  const b = generateSigningKey('ed25519')
  const difference = a.publicKey.findIndex((byte, index) => byte !== b.publicKey[index])
  return (a.publicKey[difference] ?? 0) < (b.publicKey[difference] ?? 0) ? [a, b] : [b, a]
}

export async function createPair(
  carrier: OpenCarrier,
  limits: Partial<Limits> = {},
): Promise<Pair> {
  const [a, b] = twoKeys()
  const here = { key: a, authenticator: pinnedKeys([b.publicKey]), carrier, limits }
  const there = { key: b, authenticator: pinnedKeys([a.publicKey]), carrier, limits }
  return new Pair(await createEndpoint(here), await createEndpoint(there))
}

/** Bytes whose places can be told apart. */
export function pattern(length: number, seed = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  for (let index = 0, state = seed; index < words.length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    words[index] = state
  }
  return new Uint8Array(words.buffer, 0, length)
}
