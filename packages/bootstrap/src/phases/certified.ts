import { equal } from '@hypermesh/crypto'
import { pinnedKeys } from '@hypermesh/stoq'
import { decodeChain, encodeChain, requestBytes, verifyChain } from '@hypermesh/trustchain'

import { BootstrapError } from '../errors.ts'
import { CERTIFY_PROTOCOL, requestCodec, ROSTER_PROTOCOL, rosterCodec } from '../founder.ts'
import { certificateChain, pinnedAndCertified } from '../plugs/authenticator.ts'
import { founderOf } from './phase.ts'
import type { Passage, Phase } from './phase.ts'
import { until } from './wait.ts'

const CHAIN_SIZE_MAX = 64 * 1024

/**
 * The founder certifies the members; pins give way to certificates, without a stream being dropped. It is left
 * when every founding member holds one.
 */
export const certified: Phase = {
  number: 1,
  name: 'certified',
  entry: ({ held }) => (held.root ? undefined : 'no root is known'),
  cross: async (passage) => {
    const pins = pinnedKeys(passage.invite.members.map(({ key }) => key))
    // A node that was ended here begins again with the pins.
    await passage.endpoint.setAuthenticator(pins)
    const chain = await obtain(passage)
    await passage.endpoint.setAuthenticator(pinnedAndCertified(pins, byCertificate(passage, chain)))
    await until('every member to be certified', passage.signal, () => everyoneCertified(passage))
    return encodeChain(chain)
  },
  leave: async (passage, proof) => {
    const decoded = decodeChain(proof)
    if (!decoded.ok) throw new BootstrapError('refused-certificate', 'the chain cannot be read')
    await check(passage, decoded.chain)
    await passage.endpoint.setAuthenticator(byCertificate(passage, decoded.chain))
    passage.held.chain = decoded.chain
    return `${passage.invite.members.length} nodes hold certificates; pins are off`
  },
}

async function obtain(passage: Passage): Promise<readonly Uint8Array[]> {
  const { member, identity, peers, signal } = passage
  const proof = identity.ed25519.sign(requestBytes(member.name, member.key))
  const body = requestCodec.encode({ name: member.name, proof })
  const founder = founderOf(passage)
  const answer = await until(`a certificate of ${founder.name}`, signal, () =>
    peers.request(founder.key, CERTIFY_PROTOCOL, body, { signal, responseMax: CHAIN_SIZE_MAX }),
  )
  const chain = decodeChain(answer)
  if (!chain.ok) throw new BootstrapError('refused-certificate', 'the founder sent no chain')
  await check(passage, chain.chain)
  return chain.chain
}

// The founder could err or cheat here as anybody could: what it sends is checked as any peer's.
async function check(passage: Passage, chain: readonly Uint8Array[]): Promise<void> {
  const { held, clock, member } = passage
  const verdict = await verifyChain({
    chain,
    anchors: held.root ? [held.root] : [],
    now: clock.now(),
    isRevoked: () => false,
  })
  if (!verdict.ok) {
    throw new BootstrapError(
      'refused-certificate',
      `own certificate: ${JSON.stringify(verdict.reasons)}`,
    )
  }
  if (verdict.name !== member.name || !equal(verdict.key, member.key)) {
    throw new BootstrapError('refused-certificate', `the certificate is for ${verdict.name}`)
  }
}

async function everyoneCertified(passage: Passage): Promise<true | undefined> {
  const { invite, peers, signal } = passage
  const answer = await peers.request(founderOf(passage).key, ROSTER_PROTOCOL, new Uint8Array(), {
    signal,
  })
  const roster = rosterCodec.decode(answer)
  if (!roster.ok) return undefined
  const { names } = roster.value
  return invite.members.every(({ name }) => names.includes(name)) ? true : undefined
}

function byCertificate(
  { held, clock }: Passage,
  chain: readonly Uint8Array[],
): ReturnType<typeof certificateChain> {
  const { root } = held
  const trust = { anchors: () => (root ? [root] : []), isRevoked: () => false }
  return certificateChain({ chain, trust, clock })
}
