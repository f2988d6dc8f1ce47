import type { Regions } from '@hypermesh/proxy-nat'
import { equal } from '@hypermesh/crypto'
import type { MappedMemory } from '@hypermesh/host'
import type { MeshAddress } from '@hypermesh/proxy-nat'

/** Memory of this node that is lent by address. */
export interface Lendings extends Regions {
  /** @returns The number of the new region. */
  add(memory: MappedMemory): number
}

/**
 * Regions of one asset, numbered as they are lent.
 *
 * @param asset - Address of this node's memory.
 * @param since - Seconds since 1970: no number is used twice, not even by a node that starts again.
 */
export function lentRegions(asset: MeshAddress, since: number): Lendings {
  const lent = new Map<number, MappedMemory>()
  let next = 1
  return {
    add: (memory) => {
      for (const [region, { bytes }] of lent) if (bytes.length === 0) lent.delete(region)
      lent.set(next, memory)
      return next++
    },
    region: (address, region) => {
      const memory = lent.get(region)
      if (!memory || !equal(address, asset)) return undefined
      // Memory that was given back has no bytes any more: it is gone, whoever still knows its address.
      if (memory.bytes.length === 0) return undefined
      return { bytes: memory.bytes, generation: (since + region) % 0xffff_ffff }
    },
  }
}
