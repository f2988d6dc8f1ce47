import { MEMORY_PROTOCOL } from '@hypermesh/proxy-nat'
import type { Links } from '@hypermesh/proxy-nat'

import type { Directory } from '../directory.ts'
import { BootstrapError } from '../errors.ts'
import type { Peers } from '../peers.ts'

/** The way to other nodes' memory: the directory says which keys an address is made of, stoq proves them. */
export function stoqLinks(directory: Directory, peers: Peers): Links {
  return {
    open: async (node, signal) => {
      const entry = directory.byAddress(node)
      if (!entry) throw new BootstrapError('unknown-node', 'no node is known at the address')
      return await peers.open(entry.key, MEMORY_PROTOCOL, signal)
    },
  }
}
