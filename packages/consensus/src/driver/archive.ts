import { ConsensusError } from '../errors.ts'
import type { Header } from '../header.ts'
import type { Finalized } from '../light/light.ts'
import type { Storage } from '../storage.ts'
import type { Chain, FinalizedBlock } from './chain.ts'
import { BLOCK_SIZE_MAX, BLOCKS_ANSWERED_MAX, entryCodec } from './message.ts'
import type { FinalBlock } from './message.ts'

/** Where the final blocks are in the storage, and how to get at them. */
export class Archive {
  readonly #storage: Storage
  readonly #chain: Chain
  /** Position of the block at each height from 1. */
  readonly #blocks: number[] = []
  /** Position of the certificate that made blocks up to a height final. */
  readonly #certificates = new Map<number, number>()
  /** Positions of finalizations by their view, until their block is final here. */
  readonly #loose = new Map<bigint, number>()

  constructor(storage: Storage, chain: Chain) {
    this.#storage = storage
    this.#chain = chain
  }

  /** A finalization of a view is kept at the position. */
  noteCertificate(view: bigint, position: number): void {
    this.#loose.set(view, position)
  }

  /** The blocks, kept already, are final. */
  note(final: readonly FinalizedBlock[]): void {
    for (const { block, finalized } of final) {
      const height = Number(finalized.header.height)
      this.#blocks[height - 1] = block.position ?? 0
      const position = this.#loose.get(finalized.header.view)
      if (position !== undefined) this.#certificates.set(height, position)
      for (const view of this.#loose.keys())
        if (view <= finalized.header.view) this.#loose.delete(view)
    }
  }

  /** The operations of a final block. */
  async operations(height: bigint): Promise<readonly Uint8Array[]> {
    return (await this.#block(Number(height))).operations
  }

  /** Final blocks from a height on, as many as one message takes. */
  async from(height: bigint): Promise<readonly FinalBlock[]> {
    const blocks: FinalBlock[] = []
    let size = 0
    const end = Math.min(this.#blocks.length, Number(height) + BLOCKS_ANSWERED_MAX - 1)
    for (let at = Number(height); at >= 1 && at <= end && size < BLOCK_SIZE_MAX; at++) {
      const { header, operations } = await this.#block(at)
      const finalized = this.#chain.finalized(BigInt(at)) ?? (await this.#finalized(at, header))
      if (finalized === undefined) break
      blocks.push({ ...finalized, operations })
      size += operations.reduce((sum, { length }) => sum + length, 0)
    }
    return blocks
  }

  async #finalized(height: number, header: Header): Promise<Finalized | undefined> {
    const descendants: Header[] = []
    let at = height
    while (!this.#certificates.has(at)) {
      at++
      if (at > this.#blocks.length) return undefined
      descendants.push((await this.#block(at)).header)
    }
    const entry = await this.#entry(this.#certificates.get(at) ?? 0)
    return entry.type === 'certified'
      ? { header, certificate: entry.certified.certificate, descendants }
      : undefined
  }

  async #block(height: number): Promise<{ header: Header; operations: readonly Uint8Array[] }> {
    const entry = await this.#entry(this.#blocks[height - 1] ?? 0)
    if (entry.type === 'block') return entry
    throw new ConsensusError('journal-damaged', `block ${height} is not where it was kept`)
  }

  async #entry(position: number): Promise<ReturnType<typeof readEntry>> {
    return readEntry(await this.#storage.load(position))
  }
}

/** @throws {ConsensusError} `journal-damaged` for a record that no journal of this version holds. */
export function readEntry(
  record: Uint8Array,
): Extract<ReturnType<typeof entryCodec.decode>, { ok: true }>['value'] {
  const decoded = entryCodec.decode(record)
  if (decoded.ok) return decoded.value
  throw new ConsensusError('journal-damaged', `a record is unreadable: ${decoded.refusal.code}`)
}
