import { existsSync } from 'node:fs'
import { systemRandom } from '@hypermesh/crypto'
import { TrustError } from '../errors.ts'
import { isName } from '../name.ts'
import type { Authority, AuthorityOptions } from './authority.ts'
import { missing, standing } from './found.ts'
import { Registrar } from './registrar.ts'
import { Store } from './store.ts'

/** Longest mesh name: with ` intermediate` behind it, it fits a common name (RFC 5280 appendix A.1: 64). */
const MESH_LENGTH_MAX = 48

/**
 * Opens the certificate authority of a mesh; the first time, founds it with a root and an intermediate.
 *
 * @throws {TrustError} `mesh-name`, `other-mesh`, `store-in-use`, `store-damaged`, `store-missing`,
 * `store-unwritable`, `key-missing`, `key-mismatch`, and what the key store throws.
 */
export async function openAuthority(options: AuthorityOptions): Promise<Authority> {
  const { file, keys, clock, mesh, random = systemRandom } = options
  if (!isName(mesh) || mesh.length > MESH_LENGTH_MAX) {
    throw new TrustError('mesh-name', `${JSON.stringify(mesh)} cannot be the name of a mesh`)
  }
  // Opening a database makes its file: an authority that was lost must not look like a new one.
  if (!existsSync(file) && (await keys.load(`${mesh}-founded`))) throw missing(mesh)
  const store = new Store(file)
  try {
    const founded = await standing({ store, keys, mesh, now: clock.now(), random })
    return new Registrar(options, store, founded)
  } catch (error) {
    store.close()
    throw error
  }
}
