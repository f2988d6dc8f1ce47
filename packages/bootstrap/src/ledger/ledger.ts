import { headerHash } from '@hypermesh/consensus'
import type { Consensus, Finalized, StateView, Validator } from '@hypermesh/consensus'
import type { SigningKey } from '@hypermesh/crypto'
import { entryCodec, revocations } from '@hypermesh/trustchain'

import type { Entry } from '../directory.ts'
import type { Member } from '../invite.ts'
import { BootstrapError } from '../errors.ts'
import { rootOf } from './cross.ts'
import { authorities } from './issuance.ts'
import { keyOf, textKey } from './key.ts'
import { readName, readNames } from './name.ts'
import { signOperation } from './operation.ts'
import type { Body } from './operation.ts'
import { encodeOrder } from './order.ts'

export { meshApplication } from './application.ts'
export { assetsIn as registeredAssets } from './asset.ts'
export { keyOf } from './key.ts'
export { ORDER_SIZE_MAX, readOrder, verifyOrdered } from './order.ts'
export type { LedgerName, Order } from './order.ts'
export type { Body } from './operation.ts'

/** An operation that is not final by then will not be: too few validators are there. */
const SUBMIT_MS = 60_000

/** What became of a request to the ledger. */
export type Ordered =
  | {
      readonly ok: true
      readonly height: bigint
      /** Of the block, milliseconds. */
      readonly timestamp: bigint
      /** Proof of the place, for whoever knows the validators. */
      readonly order: Uint8Array
    }
  | { readonly ok: false; readonly reason: string }

/** The mesh's ledger, as a node uses it. */
export interface Ledger extends AsyncDisposable {
  readonly chain: Uint8Array
  readonly validators: readonly Validator[]
  readonly consensus: Consensus
  /** Signs and submits; the answer comes when it is final. */
  submit(body: Body): Promise<Ordered>
  head(): Finalized | undefined
  state(): StateView
  /** Root certificates of every authority, DER. */
  roots(): readonly Uint8Array[]
  holdsRoot(fingerprint: Uint8Array): boolean
  hasCross(issuer: Uint8Array, subject: Uint8Array): boolean
  certificates(): readonly { readonly name: string; readonly serial: string }[]
  isRevoked(serial: string): boolean
  names(): readonly Entry[]
  /** Says where this node is reached, unless the ledger says so already. */
  publishName(member: Member): Promise<void>
}

export function createLedger(options: {
  readonly consensus: Consensus
  readonly chain: Uint8Array
  readonly validators: readonly Validator[]
  readonly key: SigningKey
}): Ledger {
  const { consensus, chain, validators, key } = options
  const state = (): StateView => consensus.state()
  const revoked = foldRevocations(consensus)
  const ledger: Ledger = {
    chain,
    validators,
    consensus,
    submit: async (body) => {
      const operation = signOperation(key, chain, body)
      const signal = AbortSignal.timeout(SUBMIT_MS)
      const submitted = await consensus.submit(operation, { signal })
      if (!submitted.ok) return submitted
      const { finalized, place } = submitted
      return {
        ok: true,
        height: finalized.header.height,
        timestamp: finalized.header.timestamp,
        order: encodeOrder({ finalized, operation, ...place }),
      }
    },
    head: () => consensus.head(),
    state,
    roots: () => authorities({ state: state() }).flatMap((entry) => rootIn(entry) ?? []),
    holdsRoot: (fingerprint) => rootOf(state(), fingerprint) !== undefined,
    hasCross: (issuer, subject) => state().get(keyOf('cross', issuer, subject)) !== undefined,
    certificates: () =>
      [...state().entries(textKey('certificate', ''))].flatMap(
        ([, entry]) => issuedIn(entry) ?? [],
      ),
    isRevoked: (serial) => revoked(serial),
    names: () => readNames(state()),
    publishName: async ({ name, falcon, host, port }) => {
      const known = readName(state().get(textKey('name', name)))
      if (known && known.host === host && known.port === port) return
      const sequence = (known?.sequence ?? 0n) + 1n
      const ordered = await ledger.submit({ type: 'name', name, falcon, host, port, sequence })
      if (!ordered.ok) throw new BootstrapError('not-ordered', `name ${name}: ${ordered.reason}`)
    },
    [Symbol.asyncDispose]: () => consensus[Symbol.asyncDispose](),
  }
  return ledger
}

// Connections ask at every handshake, so the answer is kept and renewed only when a block has come.
function foldRevocations(consensus: Consensus): (serial: string) => boolean {
  let at: string | undefined
  let fold = revocations()
  return (serial) => {
    const head = consensus.head()
    const hash = head && String(headerHash(head.header))
    if (hash !== at) {
      const state = consensus.state()
      const entries = [...state.entries(textKey('revoked', ''))].map(([, entry]) => entry)
      fold = revocations([...authorities({ state }), ...entries])
      at = hash
    }
    return fold.isRevoked(serial)
  }
}

function rootIn(entry: Uint8Array): Uint8Array | undefined {
  const decoded = entryCodec.decode(entry)
  return decoded.ok && decoded.value.body.type === 'authority' ? decoded.value.body.root : undefined
}

function issuedIn(entry: Uint8Array): { name: string; serial: string } | undefined {
  const decoded = entryCodec.decode(entry)
  return decoded.ok && decoded.value.body.type === 'issued' ? decoded.value.body : undefined
}
