import { toHex } from '@hypermesh/crypto'
import type { MeshAddress } from '@hypermesh/proxy-nat'
import { nodeAddress } from '@hypermesh/proxy-nat'

/** Where a node is reached, and by which keys it is known. */
export interface Entry {
  readonly name: string
  readonly key: Uint8Array
  readonly falcon: Uint8Array
  readonly host: string
  readonly port: number
}

/** Whatever knows nodes: the invite at first, the ledger later. */
type Source = () => Iterable<Entry>

/** Finds nodes by key, name or mesh address, in whatever knows them at the time. */
export interface Directory {
  all(): readonly Entry[]
  byKey(key: Uint8Array): Entry | undefined
  byName(name: string): Entry | undefined
  byAddress(address: MeshAddress): Entry | undefined
  /** From now on only `source` is asked. */
  use(source: Source): void
}

export function createDirectory(): Directory {
  let source: Source = () => []
  // A node's address is a hash over its keys: computed once for each.
  const addresses = new Map<string, string>()
  const addressOf = ({ key, falcon }: Entry): string => {
    const id = toHex(key)
    const known = addresses.get(id)
    if (known !== undefined) return known
    const address = toHex(nodeAddress({ ed25519: key, falcon1024: falcon }))
    addresses.set(id, address)
    return address
  }
  const find = (wanted: (entry: Entry) => boolean): Entry | undefined => {
    for (const entry of source()) if (wanted(entry)) return entry
    return undefined
  }
  return {
    all: () => [...source()],
    byKey: (key) => {
      const id = toHex(key)
      return find((entry) => toHex(entry.key) === id)
    },
    byName: (name) => find((entry) => entry.name === name),
    byAddress: (address) => {
      const id = toHex(address)
      return find((entry) => addressOf(entry) === id)
    },
    use: (next) => {
      source = next
    },
  }
}
