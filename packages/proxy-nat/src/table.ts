import { type AddressKind, kindOf, type MeshAddress } from './address.ts'
import { ProxyNatError } from './errors.ts'
import type { Pointer } from './pointer.ts'
import type { Refusal } from './refusal.ts'
import { formatAddress } from './text.ts'

/** Most entries in one table. Each is a region this node really has, so the port bounds them first. */
const ENTRIES_MAX = 65_536

/**
 * A generation is the lending's number times this, plus the revocations since: together they fit a number exactly, and
 * no revocation of one lending reaches the generation of another.
 */
const REVOCATIONS_MAX = 2 ** 21
const LENDING_MAX = 2 ** 32 - 1

/** The port: the memory of this node, by address. Whoever plugs one in runs `regionsTests`. */
export interface Regions {
  /**
   * The memory of a region, or `undefined` when this node has none. Asked anew at every operation, so that memory
   * that was given back is never touched.
   *
   * `generation` counts the lendings of this memory, from 0 to 2^32 - 1. No two lendings of one region share one, not
   * even across a restart of the node: an old capability must not open new memory.
   */
  region(
    asset: MeshAddress,
    region: number,
  ): { readonly bytes: Uint8Array; readonly generation: number } | undefined
}

/** What an address leads to on this node at one moment. */
export type Target =
  | {
      readonly state: 'active' | 'draining'
      readonly bytes: Uint8Array
      readonly generation: number
    }
  | { readonly state: 'moved'; readonly node: MeshAddress; readonly generation: number }
  | { readonly state: 'gone'; readonly generation: number }

/** What was done at an address since its entry was made. */
export interface Counters {
  readonly attached: number
  readonly reads: number
  readonly writes: number
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly refused: number
}

export interface Explanation extends Counters {
  readonly address: string
  readonly kind: AddressKind | undefined
  readonly region: number
  readonly state: Target['state'] | 'unknown'
  readonly generation: number | undefined
  /** Bytes of memory behind it, where there are any. */
  readonly length: number | undefined
  /** The same as a sentence. */
  readonly because: string
}

/** One line of the table. */
export interface Entry {
  readonly asset: MeshAddress
  readonly region: number
  target(): Target
  count(counter: keyof Counters, by: number): void
}

/** Global address to local memory. */
export interface Translation {
  /** The bytes a pointer names, when they are on this node. The view is good until the caller lets go of the tick. */
  translate(
    pointer: Pointer,
  ):
    | { readonly ok: true; readonly bytes: Uint8Array; readonly generation: number }
    | { readonly ok: false; readonly refusal: Refusal }
  /** The generation a grant must name to be good now; `undefined` when nothing here has that address. */
  generation(asset: MeshAddress, region: number): number | undefined
  /** The entry of a region, made on first use; `undefined` when nothing here has that address. */
  entry(asset: MeshAddress, region: number): Entry | undefined
  /**
   * Ends every attachment and every capability made so far for a region, or for all known regions of an asset. New
   * grants must name the new generation.
   *
   * @returns how many entries that were.
   */
  revoke(asset: MeshAddress, region?: number): number
  /** Lets open attachments go on, and takes no new ones. */
  drain(asset: MeshAddress, region: number): void
  /** The asset is on `node` from now on, or with `undefined` here again: attachments end, and are told where to go. */
  move(asset: MeshAddress, node: MeshAddress | undefined): void
  /** What is known about an address, for a person who wonders why it does not answer. */
  explain(asset: MeshAddress, region: number): Explanation
  /** Calls `listener` after each revocation and move. Returns what stops it. */
  follow(listener: (entry: Entry) => void): () => void
}

/** A table over the memory that `regions` has. */
export function createTranslation({ regions }: { readonly regions: Regions }): Translation {
  return new Table(regions)
}

class Table implements Translation {
  readonly #regions: Regions
  readonly #rows = new Map<string, Row>()
  readonly #moved = new Map<string, MeshAddress>()
  readonly #listeners = new Set<(entry: Entry) => void>()

  constructor(regions: Regions) {
    this.#regions = regions
  }

  translate(pointer: Pointer): ReturnType<Translation['translate']> {
    const { address, region, offset, length } = pointer
    const node = this.#moved.get(keyOf(address))
    if (node !== undefined) return refuse({ code: 'moved', node })
    const target = this.entry(address, region)?.target()
    if (target === undefined || !('bytes' in target)) return refuse({ code: 'unknown-region' })
    if (!isWithin(target.bytes, offset, length)) return refuse({ code: 'out-of-range' })
    const bytes = target.bytes.subarray(offset, offset + length)
    return { ok: true, bytes, generation: target.generation }
  }

  generation(asset: MeshAddress, region: number): number | undefined {
    return this.entry(asset, region)?.target().generation
  }

  entry(asset: MeshAddress, region: number): Row | undefined {
    const key = `${keyOf(asset)}${region}`
    const known = this.#rows.get(key)
    if (known !== undefined) return known
    const found = this.#regions.region(asset, region)
    if (found === undefined) return undefined
    if (this.#rows.size >= ENTRIES_MAX) this.#forget()
    if (this.#rows.size >= ENTRIES_MAX) return undefined
    const row = new Row(asset.slice(), region, this.#regions, this.#moved)
    this.#rows.set(key, row)
    return row
  }

  revoke(asset: MeshAddress, region?: number): number {
    const rows = this.#rowsOf(asset, region)
    for (const row of rows) this.#revokeRow(row)
    return rows.length
  }

  drain(asset: MeshAddress, region: number): void {
    const row = this.entry(asset, region)
    if (row === undefined) throw new ProxyNatError('out-of-range', 'nothing here has that address')
    row.drain()
  }

  move(asset: MeshAddress, node: MeshAddress | undefined): void {
    if (node !== undefined && kindOf(node) !== 'node') {
      throw new ProxyNatError('wrong-length', 'an asset moves to a node')
    }
    if (node === undefined) this.#moved.delete(keyOf(asset))
    else this.#moved.set(keyOf(asset), node.slice())
    for (const row of this.#rowsOf(asset)) this.#revokeRow(row)
  }

  explain(asset: MeshAddress, region: number): Explanation {
    const row = this.entry(asset, region)
    const target = row?.target()
    const length = target && 'bytes' in target ? target.bytes.length : undefined
    return {
      ...(row?.counters ?? nothingDone()),
      address: formatAddress(asset),
      kind: kindOf(asset),
      region,
      state: target?.state ?? 'unknown',
      generation: target?.generation,
      length,
      because: sentence(target, length),
    }
  }

  follow(listener: (entry: Entry) => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  #revokeRow(row: Row): void {
    row.revoke()
    for (const listener of this.#listeners) listener(row)
  }

  #rowsOf(asset: MeshAddress, region?: number): Row[] {
    if (region === undefined) {
      const start = keyOf(asset)
      return [...this.#rows].filter(([key]) => key.startsWith(start)).map(([, row]) => row)
    }
    const row = this.entry(asset, region)
    return row === undefined ? [] : [row]
  }

  // Memory that comes back is lent under a new number, so nothing is lost with the revocations of an old one.
  #forget(): void {
    for (const [key, row] of this.#rows) {
      if (row.target().state === 'gone') this.#rows.delete(key)
    }
  }
}

class Row implements Entry {
  readonly counters: Record<keyof Counters, number> = nothingDone()
  readonly asset: MeshAddress
  readonly region: number
  readonly #key: string
  readonly #regions: Regions
  readonly #moved: ReadonlyMap<string, MeshAddress>
  #lending = 0
  #revocations = 0
  #isDraining = false

  constructor(
    asset: MeshAddress,
    region: number,
    regions: Regions,
    moved: ReadonlyMap<string, MeshAddress>,
  ) {
    this.asset = asset
    this.region = region
    this.#key = keyOf(asset)
    this.#regions = regions
    this.#moved = moved
  }

  target(): Target {
    const found = this.#regions.region(this.asset, this.region)
    if (found !== undefined && found.generation !== this.#lending) this.#lendAnew(found.generation)
    const generation = this.#lending * REVOCATIONS_MAX + this.#revocations
    const node = this.#moved.get(this.#key)
    if (node !== undefined) return { state: 'moved', node, generation }
    // One revocation more would be another lending's generation: better no memory than the wrong one.
    if (found === undefined || this.#revocations === REVOCATIONS_MAX - 1) {
      return { state: 'gone', generation }
    }
    return { state: this.#isDraining ? 'draining' : 'active', bytes: found.bytes, generation }
  }

  count(counter: keyof Counters, by: number): void {
    this.counters[counter] += by
  }

  revoke(): void {
    // What is revoked is the lending of this moment, which may be a newer one than was last looked at.
    this.target()
    this.#revocations = Math.min(this.#revocations + 1, REVOCATIONS_MAX - 1)
  }

  drain(): void {
    this.#isDraining = true
  }

  // Whatever was attached to the old lending ends: its generation is past.
  #lendAnew(lending: number): void {
    if (!Number.isSafeInteger(lending) || lending < 0 || lending > LENDING_MAX) {
      throw new ProxyNatError('out-of-range', `no lending has the number ${lending}`)
    }
    this.#lending = lending
    this.#revocations = 0
    this.#isDraining = false
  }
}

/** Do `length` bytes from `offset` lie within `bytes`? A sum too large to be exact is past any memory all the same. */
export function isWithin(bytes: Uint8Array, offset: number, length: number): boolean {
  return offset >= 0 && length >= 0 && offset + length <= bytes.length
}

function nothingDone(): Record<keyof Counters, number> {
  return { attached: 0, reads: 0, writes: 0, bytesRead: 0, bytesWritten: 0, refused: 0 }
}

function sentence(target: Target | undefined, length: number | undefined): string {
  if (target === undefined) return 'nothing on this node has this address'
  if (target.state === 'moved') return `the asset moved to ${formatAddress(target.node)}`
  if (target.state === 'gone') return 'the memory behind this address was given back'
  return target.state === 'active'
    ? `${length} bytes of this node's memory answer, generation ${target.generation}`
    : 'open attachments go on; new ones are refused, because the region is being given back'
}

// Each byte becomes one character: cheaper to make than hexadecimal, and as unique.
function keyOf(asset: MeshAddress): string {
  return String.fromCharCode(...asset)
}

function refuse(refusal: Refusal): { readonly ok: false; readonly refusal: Refusal } {
  return { ok: false, refusal }
}
