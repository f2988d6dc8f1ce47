/**
 * An owner that attaches a reader and then falls silent cannot be had of honest nodes, so the port is asked directly,
 * over streams that never leave the process.
 */
import { generateSigningKey } from '@hypermesh/crypto'
import {
  assetAddress,
  createTranslation,
  grant,
  nodeAddress,
  referenceCodec,
  serveMemory,
} from '@hypermesh/proxy-nat'
import type { ByteStream, Links, MeshAddress, TrustSource } from '@hypermesh/proxy-nat'
import { simulatedRegions, streamPair } from '@hypermesh/proxy-nat/testing'
import { expect, test } from 'vitest'

import { referencesCodec } from '../src/jobs/wire.ts'
import { remoteMounts } from '../src/plugs/mounts.ts'

const reader = generateSigningKey('ed25519')
const falcon = new Uint8Array(1793)
const now = BigInt(Date.now())

/** A node with one region of memory, and what opens it to the reader. */
function ownerOf(bytes: Uint8Array): {
  readonly node: MeshAddress
  readonly asset: MeshAddress
  readonly key: Uint8Array
  readonly place: Uint8Array
  readonly serve: (stream: ByteStream, trust: TrustSource) => void
} {
  const owner = generateSigningKey('ed25519')
  const node = nodeAddress({ ed25519: owner.publicKey, falcon1024: falcon })
  const assetId = new Uint8Array(32).fill(1)
  const asset = assetAddress(node, assetId)
  const regions = simulatedRegions()
  regions.lend(asset, 1, bytes)
  const table = createTranslation({ regions })
  const capability = grant({
    owner,
    falcon1024: falcon,
    assetId,
    region: 1,
    generation: table.generation(asset, 1)!,
    audience: reader.publicKey,
    rights: ['attach', 'read'],
    offset: 0,
    length: bytes.length,
    notBefore: now,
    notAfter: now + 60_000n,
  })
  const pointer = { address: asset, region: 1, offset: 0, length: bytes.length }
  return {
    node,
    asset,
    key: owner.publicKey,
    place: referenceCodec.encode({ capability, pointer }),
    serve: (stream, trust) =>
      void serveMemory({ self: node, table, trust, stream, peer: reader.publicKey }),
  }
}

/** Lets the answer to the attaching through, and nothing after it. */
function mutedAfterFirst(stream: ByteStream): ByteStream {
  let isSpent = false
  return {
    read: () => stream.read(),
    write: async (bytes) => {
      if (isSpent) return
      isSpent = true
      await stream.write(bytes)
    },
    end: () => stream.end(),
    reset: () => stream.reset(),
  }
}

test('an owner that falls silent is left for the next place', { timeout: 20_000 }, async () => {
  const bytes = new Uint8Array(1000).fill(7)
  const silent = ownerOf(bytes)
  const honest = ownerOf(bytes)
  const owners = [silent, honest]
  const trust: TrustSource = {
    owner: async (asset) => owners.find((one) => String(one.asset) === String(asset)),
    isRevoked: () => false,
    now: () => BigInt(Date.now()),
  }
  const links: Links = {
    open: async (node) => {
      const [near, far] = streamPair()
      if (String(node) === String(silent.node)) silent.serve(mutedAfterFirst(far), trust)
      else honest.serve(far, trust)
      return near
    },
  }
  let counted = 0
  const mounts = remoteMounts({
    links,
    trust,
    holder: reader,
    onBytes: (count) => (counted += count),
  })
  const places = [silent.place, honest.place]
  const read = await mounts.read(referencesCodec.encode({ places }), 1000)
  expect(read).toEqual({ ok: true, bytes })
  expect(counted).toBe(1000)
  const alone = await mounts.read(referencesCodec.encode({ places: [silent.place] }), 1000)
  expect(alone).toMatchObject({ ok: false, reason: expect.stringContaining('does not answer') })
})
