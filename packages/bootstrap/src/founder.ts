import { field, record } from '@hypermesh/crypto'
import type { Codec } from '@hypermesh/crypto'
import type { Endpoint } from '@hypermesh/stoq'
import type { Authority } from '@hypermesh/trustchain'
import { encodeChain } from '@hypermesh/trustchain'

import { BootstrapError } from './errors.ts'
import { NAME_MAX } from './invite.ts'

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
  endpoint: Endpoint,
  authority: Authority,
  mayHave: (name: string, key: Uint8Array) => boolean,
): void {
  endpoint.handleRequest(ROOT_PROTOCOL, async () => authority.root, { requestMax: 0 })
  endpoint.handleRequest(
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
      return encodeChain(await certify(authority, { name, key: peer.key, proof }))
    },
    { requestMax: REQUEST_SIZE_MAX },
  )
  endpoint.handleRequest(
    ROSTER_PROTOCOL,
    async () => {
      const names = authority.issued().flatMap(({ name, revoked }) => (revoked ? [] : [name]))
      return rosterCodec.encode({ names })
    },
    { requestMax: 0 },
  )
}

/** @throws {BootstrapError} `refused-certificate` with the authority's reason. */
export async function certify(
  authority: Authority,
  request: { readonly name: string; readonly key: Uint8Array; readonly proof: Uint8Array },
): Promise<readonly Uint8Array[]> {
  const issued = await authority.issue(request)
  if (!issued.ok) {
    throw new BootstrapError('refused-certificate', `${request.name}: ${issued.refusal.code}`)
  }
  return issued.chain
}
