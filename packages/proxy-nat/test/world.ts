import { type SigningKey, signingKeyFromSeed } from '@hypermesh/crypto'
import {
  assetAddress,
  attach,
  type AttachOptions,
  type Attached,
  createDecoder,
  createTranslation,
  encodeFrame,
  type Frame,
  grant,
  type Header,
  type MeshAddress,
  nodeAddress,
  type RemoteRegion,
  serveMemory,
  type Served,
  type Translation,
} from '@hypermesh/proxy-nat'
import {
  simulatedLinks,
  simulatedRegions,
  type SimulatedLinks,
  type SimulatedRegions,
  simulatedTrust,
  type SimulatedTrust,
  streamPair,
  type StreamOptions,
} from '@hypermesh/proxy-nat/testing'

export const keyOf = (seed: number): SigningKey =>
  signingKeyFromSeed('ed25519', new Uint8Array(32).fill(seed))

export const owner: SigningKey = keyOf(1)
export const holder: SigningKey = keyOf(2)
export const stranger: SigningKey = keyOf(3)
export const falcon1024: Uint8Array = Uint8Array.from({ length: 1793 }, (_, at) => at % 256)
export const node: MeshAddress = nodeAddress({ ed25519: owner.publicKey, falcon1024 })
export const elsewhere: MeshAddress = nodeAddress({ ed25519: stranger.publicKey, falcon1024 })
export const assetId: Uint8Array = new Uint8Array(32).fill(4)
export const asset: MeshAddress = assetAddress(node, assetId)

type GrantOptions = Parameters<typeof grant>[0]

/** A node that lends one region, and a mesh in which it can be reached. Time is 1000. */
export interface World {
  readonly memory: Uint8Array<ArrayBuffer>
  readonly regions: SimulatedRegions
  readonly table: Translation
  readonly trust: SimulatedTrust
  readonly mesh: SimulatedLinks
  /** A capability of the holder for everything, but for what `terms` say. */
  permit(terms?: Partial<GrantOptions>): Uint8Array
  attach(options?: Partial<AttachOptions>): Promise<Attached>
  region(options?: Partial<AttachOptions>): Promise<RemoteRegion>
  /** The owner's side alone, spoken to in frames. */
  serve(peer?: Uint8Array): Raw
}

export function createWorld({
  size = 4096,
  ...stream
}: StreamOptions & { readonly size?: number } = {}): World {
  const memory = new Uint8Array(size)
  const regions = simulatedRegions()
  regions.lend(asset, 0, memory)
  const table = createTranslation({ regions })
  const trust = simulatedTrust(1000n)
  trust.own(asset, { node, key: owner.publicKey })
  const mesh = simulatedLinks(stream)
  mesh.listen(node, async (far, peer) =>
    serveMemory({ self: node, table, trust, stream: far, peer }),
  )
  const world: World = {
    memory,
    regions,
    table,
    trust,
    mesh,
    permit: (terms) =>
      grant({
        owner,
        falcon1024,
        assetId,
        region: 0,
        audience: holder.publicKey,
        rights: ['attach', 'read', 'write'],
        offset: 0,
        length: size,
        notBefore: 1000n,
        notAfter: 61_000n,
        generation: table.generation(asset, 0) ?? 0,
        ...terms,
      }),
    attach: async (options) =>
      attach({
        links: mesh.of(holder.publicKey),
        trust,
        holder,
        capability: options?.capability ?? world.permit(),
        pointer: { address: asset, region: 0, offset: 0, length: size },
        ...options,
      }),
    region: async (options) => {
      const attached = await world.attach(options)
      if (!attached.ok) throw new Error(attached.refusal.code)
      return attached.region
    },
    serve: (peer = holder.publicKey) => {
      const [near, far] = streamPair()
      const served = serveMemory({ self: node, table, trust, stream: far, peer })
      const decoder = createDecoder('reply')
      const replies: Frame[] = []
      const reply = async (): Promise<Frame> => {
        for (;;) {
          const next = replies.shift()
          if (next !== undefined) return next
          const chunk = await near.read()
          if (chunk === null) throw new Error('the owner ended the stream')
          for (const decoded of decoder.feed(chunk)) {
            if (!decoded.ok) throw new Error(decoded.refusal.code)
            replies.push(decoded.frame)
          }
        }
      }
      const ask: Raw['ask'] = async (fields, body) => {
        const zero = { status: 'ok', request: 1, handle: 0, generation: 0, offset: 0 } as const
        await near.write(encodeFrame('request', { ...zero, ...fields }, body))
        return reply()
      }
      const open: Raw['attach'] = async (capability) => {
        const { header } = await ask({ operation: 'attach' }, capability)
        return header
      }
      return {
        served,
        reply,
        ask,
        attach: open,
        write: async (bytes) => near.write(bytes),
        end: async () => near.end(),
        reset: () => near.reset(),
      }
    },
  }
  return world
}

/** One stream to an owner's node, without a client in between. */
interface Raw {
  readonly served: Promise<Served>
  write(bytes: Uint8Array): Promise<void>
  end(): Promise<void>
  reset(): void
  reply(): Promise<Frame>
  ask(fields: Partial<Header> & Pick<Header, 'operation'>, body?: Uint8Array): Promise<Frame>
  attach(capability: Uint8Array): Promise<Header>
}

/** The code of a refused result, or 'ok'. */
export function codeOf(
  result:
    | { readonly ok: true }
    | { readonly ok: false; readonly refusal: { readonly code: string } },
): string {
  return result.ok ? 'ok' : result.refusal.code
}
