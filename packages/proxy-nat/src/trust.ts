import type { MeshAddress } from './address.ts'

/** The port: what this package must be told about the mesh. Whoever plugs one in runs `trustSourceTests`. */
export interface TrustSource {
  /** Who owns an asset, by Ed25519 key, and which node has it now; `undefined` when nobody is known to. */
  owner(
    asset: MeshAddress,
  ): Promise<{ readonly node: MeshAddress; readonly key: Uint8Array } | undefined>
  /**
   * Was this grant taken back? Asked for every grant of a chain, at attaching and at every operation, so the answer
   * must be at hand.
   *
   * @param grant - Id of a grant, 32 bytes, as `grantIds` gives it.
   */
  isRevoked(grant: Uint8Array): boolean
  /** Milliseconds since the epoch of the mesh. */
  now(): bigint
}
