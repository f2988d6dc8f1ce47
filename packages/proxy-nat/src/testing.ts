/**
 * Simulated implementations of the ports of `@hypermesh/proxy-nat`, and what every real one promises.
 *
 * @packageDocumentation
 */
import assert from 'node:assert/strict'
import { toHex } from '@hypermesh/crypto'
import type { MeshAddress } from './address.ts'
import type { ByteStream, Links } from './links.ts'
import type { Regions } from './table.ts'
import type { TrustSource } from './trust.ts'

/** A test runner's `test`. */
export type Test = (name: string, run: () => Promise<void> | void) => unknown

/** How a simulated stream carries bytes. */
export interface StreamOptions {
  /** Longest chunk a read gives, in bytes; chunks are cut anywhere up to it. Without it they come as written. */
  readonly chunkMax?: number
  /** Decides where the cuts are. */
  readonly seed?: number
  /** Bytes on their way before a write waits. */
  readonly capacity?: number
}

/** Both ends of one stream in memory. */
export function streamPair(options: StreamOptions = {}): [ByteStream, ByteStream] {
  const there = new Pipe(options)
  const back = new Pipe({ ...options, seed: (options.seed ?? 1) + 1 })
  return [endOf(back, there), endOf(there, back)]
}

function endOf(input: Pipe, output: Pipe): ByteStream {
  return {
    read: async () => input.read(),
    write: async (bytes) => output.write(bytes),
    end: async () => output.end(),
    reset: () => {
      input.break()
      output.break()
    },
  }
}

/** One direction: chunks wait until they are read, and a writer waits until there is room. */
class Pipe {
  readonly #chunkMax: number
  readonly #capacity: number
  readonly #chunks: Uint8Array[] = []
  #random: number
  #held = 0
  #isEnded = false
  #isBroken = false
  #changed = Promise.withResolvers<void>()

  constructor({ chunkMax = Infinity, seed = 1, capacity = 262_144 }: StreamOptions) {
    this.#chunkMax = chunkMax
    this.#capacity = capacity
    this.#random = seed >>> 0
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#isBroken) throw new Error('the stream was reset')
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) return this.#cut(chunk)
      if (this.#isEnded) return null
      await this.#changed.promise
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isBroken || this.#isEnded) throw new Error('the stream takes no more')
    this.#chunks.push(bytes.slice())
    this.#held += bytes.length
    this.#change()
    while (this.#held > this.#capacity) {
      await this.#changed.promise
      if (this.#isBroken) throw new Error('the stream was reset')
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true
    this.#change()
  }

  break(): void {
    this.#isBroken = true
    this.#chunks.length = 0
    this.#change()
  }

  #cut(chunk: Uint8Array): Uint8Array {
    // Numerical Recipes' generator: poor randomness, the same cuts for the same seed.
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    const length = Number.isFinite(this.#chunkMax)
      ? 1 + (this.#random % this.#chunkMax)
      : chunk.length
    if (length < chunk.length) this.#chunks.unshift(chunk.subarray(length))
    const taken = chunk.subarray(0, length)
    this.#held -= taken.length
    this.#change()
    return taken
  }

  #change(): void {
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers()
    resolve()
  }
}

/** Nodes in one process, and streams between them. */
export interface SimulatedLinks {
  /** What `node` does with each stream that is opened to it. `peer` is the opener's key, as a transport proves it. */
  listen(node: MeshAddress, serve: (stream: ByteStream, peer: Uint8Array) => unknown): void
  /** The node is gone: it can no longer be reached. */
  remove(node: MeshAddress): void
  /** The links of the node with this key. */
  of(peer: Uint8Array): Links
}

export function simulatedLinks(options: StreamOptions = {}): SimulatedLinks {
  const nodes = new Map<string, (stream: ByteStream, peer: Uint8Array) => unknown>()
  return {
    listen: (node, serve) => nodes.set(toHex(node), serve),
    remove: (node) => nodes.delete(toHex(node)),
    of: (peer) => ({
      async open(node, signal) {
        signal?.throwIfAborted()
        const serve = nodes.get(toHex(node))
        if (serve === undefined) throw new Error(`no node ${toHex(node)}`)
        const [near, far] = streamPair(options)
        serve(far, peer)
        return near
      },
    }),
  }
}

/** Regions in ordinary memory. */
export interface SimulatedRegions extends Regions {
  /** Lends `bytes` at an address, under the next number. */
  lend(asset: MeshAddress, region: number, bytes: Uint8Array): void
  /** Takes the memory back. */
  reclaim(asset: MeshAddress, region: number): void
}

export function simulatedRegions(): SimulatedRegions {
  const regions = new Map<string, { bytes: Uint8Array; generation: number }>()
  let lendings = 0
  const keyOf = (asset: MeshAddress, region: number): string => `${toHex(asset)}#${region}`
  return {
    region: (asset, region) => regions.get(keyOf(asset, region)),
    lend: (asset, region, bytes) => {
      lendings += 1
      regions.set(keyOf(asset, region), { bytes, generation: lendings })
    },
    reclaim: (asset, region) => {
      regions.delete(keyOf(asset, region))
    },
  }
}

/** A mesh that believes what it is told. */
export interface SimulatedTrust extends TrustSource {
  own(asset: MeshAddress, owner: { readonly node: MeshAddress; readonly key: Uint8Array }): void
  revoke(grant: Uint8Array): void
  advance(ms: bigint): void
}

export function simulatedTrust(start: bigint = 0n): SimulatedTrust {
  const owners = new Map<string, { readonly node: MeshAddress; readonly key: Uint8Array }>()
  const revoked = new Set<string>()
  let now = start
  return {
    owner: async (asset) => owners.get(toHex(asset)),
    isRevoked: (grant) => revoked.has(toHex(grant)),
    now: () => now,
    own: (asset, owner) => {
      owners.set(toHex(asset), owner)
    },
    revoke: (grant) => {
      revoked.add(toHex(grant))
    },
    advance: (ms) => {
      now += ms
    },
  }
}

/** What every `ByteStream` promises. `open` gives both ends of a new one. */
export function byteStreamTests(
  test: Test,
  open: () => Promise<readonly [ByteStream, ByteStream]>,
): void {
  test('bytes arrive complete and in order, then the end', async () => {
    const [near, far] = await open()
    const sent = Uint8Array.from({ length: 300_000 }, (_, at) => at % 251)
    const writing = (async () => {
      for (let at = 0; at < sent.length; at += 7001) await near.write(sent.subarray(at, at + 7001))
      await near.end()
    })()
    assert.deepEqual(await readAll(far), sent)
    await writing
    await far.end()
    assert.equal(await near.read(), null)
  })

  test('one side goes on after the other has ended', async () => {
    const [near, far] = await open()
    await near.end()
    assert.equal(await far.read(), null)
    await far.write(Uint8Array.of(1, 2, 3))
    await far.end()
    assert.deepEqual(await readAll(near), Uint8Array.of(1, 2, 3))
  })

  test('what was read belongs to the reader', async () => {
    const [near, far] = await open()
    await near.write(Uint8Array.of(1, 1, 1))
    const first = await far.read()
    const kept = first?.slice()
    await near.write(Uint8Array.of(2, 2, 2))
    await far.read()
    assert.deepEqual(first, kept)
    near.reset()
  })

  test('a reset ends a read that waits, on both sides, and may be repeated', async () => {
    const [near, far] = await open()
    const waiting = [near.read(), far.read()].map(async (read) =>
      read.then(
        () => 'read',
        () => 'rejected',
      ),
    )
    near.reset()
    near.reset()
    assert.deepEqual(await Promise.all(waiting), ['rejected', 'rejected'])
  })
}

/** What every `Regions` promises. `open` gives one with a region that `lend` lends and `reclaim` takes back. */
export function regionsTests(
  test: Test,
  open: () => Promise<{
    readonly regions: Regions
    readonly asset: MeshAddress
    readonly region: number
    readonly lend: () => Promise<void>
    readonly reclaim: () => Promise<void>
  }>,
): void {
  test('a region is there while it is lent, and its bytes stay the same memory', async () => {
    const { regions, asset, region, lend, reclaim } = await open()
    assert.equal(regions.region(asset, region), undefined)
    await lend()
    const found = regions.region(asset, region)
    assert(found !== undefined && found.bytes.length > 0)
    found.bytes[0] = 42
    assert.equal(regions.region(asset, region)?.bytes[0], 42)
    await reclaim()
    assert.equal(regions.region(asset, region), undefined)
  })

  test('no two lendings have one generation', async () => {
    const { regions, asset, region, lend, reclaim } = await open()
    const generations = new Set<number | undefined>()
    for (let lending = 0; lending < 3; lending++) {
      await lend()
      generations.add(regions.region(asset, region)?.generation)
      await reclaim()
    }
    assert.equal(generations.size, 3)
    assert(!generations.has(undefined))
  })
}

/** What every `TrustSource` promises. `open` gives one that knows `asset`, and can revoke. */
export function trustSourceTests(
  test: Test,
  open: () => Promise<{
    readonly trust: TrustSource
    readonly asset: MeshAddress
    readonly revoke: (grant: Uint8Array) => Promise<void>
  }>,
): void {
  test('an asset has an owner with a key and a node; an unknown address has none', async () => {
    const { trust, asset } = await open()
    const owner = await trust.owner(asset)
    assert.equal(owner?.key.length, 32)
    assert.equal(owner.node.length, 16)
    assert.equal(await trust.owner(asset.map((byte) => byte ^ 0xff)), undefined)
  })

  test('a revoked grant is revoked at once, and no other one', async () => {
    const { trust, revoke } = await open()
    const [grant, other] = [new Uint8Array(32).fill(7), new Uint8Array(32).fill(8)]
    assert.equal(trust.isRevoked(grant), false)
    await revoke(grant)
    assert.equal(trust.isRevoked(grant), true)
    assert.equal(trust.isRevoked(other), false)
  })

  test('time does not go back', async () => {
    const { trust } = await open()
    const before = trust.now()
    await Promise.resolve()
    assert(trust.now() >= before)
  })
}

async function readAll(stream: ByteStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for (;;) {
    const chunk = await stream.read()
    if (chunk === null) break
    chunks.push(chunk)
  }
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0))
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
