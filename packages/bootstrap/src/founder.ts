import { field, record } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'
import type { Authority } from '@hypermesh/trustchain'
import { encodeChain } from '@hypermesh/trustchain'

import { BootstrapError } from './errors.ts'
import { NAME_MAX } from './invite.ts'
import type { Peers } from './peers.ts'

/** Asks for the root certificate: an empty request, DER back. */
export const ROOT_PROTOCOL = 'hypermesh/root/1'

/** Asks for a certificate: {@link requestCodec}, a chain back. */
export const CERTIFY_PROTOCOL = 'hypermesh/certify/1'

/** Asks for the names that hold a certificate: an empty request, {@link rosterCodec} back. */
export const ROSTER_PROTOCOL = 'hypermesh/roster/1'

const REQUEST_SIZE_MAX = 1024
const ROSTER_SIZE_MAX = 64 * 1024

interface CertificateRequest {
  readonly name: string
  /** The key's own signature: only its holder can ask. */
  readonly proof: Uint8Array
}

export const requestCodec: Codec<CertificateRequest> = record(
  'hypermesh/certificate-request',
  1,
  REQUEST_SIZE_MAX,
  {
    name: field.text({ max: NAME_MAX }),
    proof: field.bytes({ length: 64 }),
  },
)

export const rosterCodec: Codec<{ readonly names: readonly string[] }> = record(
  'hypermesh/roster',
  1,
  ROSTER_SIZE_MAX,
  {
    names: field.list(field.text({ max: NAME_MAX }), { max: 1024 }),
  },
)

/**
 * Serves a root of trust to the mesh.
 *
 * @param mayHave - Whether the key may have a certificate for the name: the invite says so for founding members.
 */
export function serveAuthority(
  peers: Peers,
  authority: Authority,
  mayHave: (name: string, key: Uint8Array) => boolean,
): void {
  peers.answer(ROOT_PROTOCOL, async () => authority.root, { requestMax: 0 })
  peers.answer(
    CERTIFY_PROTOCOL,
    async (body, peer) => {
      const request = requestCodec.decode(body)
      if (!request.ok)
        throw new BootstrapError('refused-certificate', `not a request: ${request.refusal.code}`)
      const { name, proof } = request.value
      if (!mayHave(name, peer.key)) {
        throw new BootstrapError(
          'refused-certificate',
          `the name ${name} is not for the key that asks`,
        )
      }
      const issued = await authority.issue({ name, key: peer.key, proof })
      if (!issued.ok)
        throw new BootstrapError('refused-certificate', `${name}: ${issued.refusal.code}`)
      return encodeChain(issued.chain)
    },
    { requestMax: REQUEST_SIZE_MAX },
  )
  peers.answer(
    ROSTER_PROTOCOL,
    async () => {
      const names = authority.issued().flatMap(({ name, revoked }) => (revoked ? [] : [name]))
      // A name whose certificate was renewed is there twice.
      return rosterCodec.encode({ names: [...new Set(names)] })
    },
    { requestMax: 0 },
  )
}
