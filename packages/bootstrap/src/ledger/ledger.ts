import type { Consensus, Finalized, StateView, Validator } from '@hypermesh/consensus'
import { sha256 } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'

import type { Entry } from '../directory.ts'
import type { Member } from '../invite.ts'
import { BootstrapError } from '../errors.ts'
import { certifiedNames, foundedBy, isRevoked, isVouched, rootOf, rootsIn } from './issuance.ts'
import { keyOf, textKey } from './key.ts'
import { readName, readNames } from './name.ts'
import { signOperation } from './operation.ts'
import type { Body } from './operation.ts'
import { encodeOrder } from './order.ts'

export { meshApplication } from './application.ts'
export { leasesOf, assetsIn as registeredAssets } from './asset.ts'
export { keyOf } from './key.ts'
export { ORDER_SIZE_MAX, readOrder, verifyOrdered } from './order.ts'
export type { LedgerName } from './order.ts'
export { watch } from './watch.ts'
export { signOperation } from './operation.ts'
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
  /** Of these, the one that the invite pins and those that it has certified: what a chain may end in. */
  anchors(): readonly Uint8Array[]
  /** The root certificate that a member has founded, DER. */
  foundedBy(member: Uint8Array): Uint8Array | undefined
  holdsRoot(fingerprint: Uint8Array): boolean
  hasCross(issuer: Uint8Array, subject: Uint8Array): boolean
  /** Names that have a certificate. */
  certified(): readonly string[]
  /** @param issuer - SHA-256 of the key that signed the certificate. */
  isRevoked(serial: string, issuer: Uint8Array): boolean
  names(): readonly Entry[]
  /** Says where this node is reached, unless the ledger says so already. */
  publishName(member: Member): Promise<void>
}

export function createLedger(options: {
  readonly consensus: Consensus
  readonly chain: Uint8Array
  readonly validators: readonly Validator[]
  readonly key: SigningKey
  /** Fingerprint of the root that the invite pins. */
  readonly root: Uint8Array
  /** Ends what waits for an operation to be final. */
  readonly signal: AbortSignal
}): Ledger {
  const { consensus, chain, validators, key, root, signal } = options
  const state = (): StateView => consensus.state()
  const ledger: Ledger = {
    chain,
    validators,
    consensus,
    submit: async (body) => {
      const operation = signOperation(key, chain, body)
      const late = AbortSignal.timeout(SUBMIT_MS)
      try {
        const submitted = await consensus.submit(operation, {
          signal: AbortSignal.any([signal, late]),
        })
        if (!submitted.ok) return submitted
        const { finalized, place } = submitted
        const { height, timestamp } = finalized.header
        const order = encodeOrder({ finalized, operation, ...place })
        return { ok: true, height, timestamp, order }
      } catch (error) {
        if (!late.aborted || signal.aborted) throw error
        return { ok: false, reason: `not final after ${SUBMIT_MS / 1000} s` }
      }
    },
    head: () => consensus.head(),
    state,
    roots: () => rootsIn(state()),
    anchors: () => rootsIn(state()).filter((der) => isVouched(state(), root, sha256(der))),
    foundedBy: (member) => {
      const fingerprint = foundedBy(state(), member)
      return fingerprint && rootOf(state(), fingerprint)
    },
    holdsRoot: (fingerprint) => rootOf(state(), fingerprint) !== undefined,
    hasCross: (issuer, subject) => state().get(keyOf('cross', issuer, subject)) !== undefined,
    certified: () => certifiedNames(state()),
    isRevoked: (serial, issuer) => isRevoked(state(), serial, issuer),
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
