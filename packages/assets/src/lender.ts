import { draw, equal, systemRandom, toHex } from '@hypermesh/crypto'
import type { MappedMemory } from '@hypermesh/host'
import { HostError } from '@hypermesh/host'
import type { Amounts, Asset, AssetKind } from './asset.ts'
import { ASSET_KINDS } from './asset.ts'
import type { Assets, AssetsOptions } from './assets.ts'
import type { BookEvent, BookRefusal, LeaseBook } from './book.ts'
import { free, openBook, refuse, step } from './book.ts'
import type { Absence } from './detect.ts'
import { detect } from './detect.ts'
import { AssetsError } from './errors.ts'
import type { Claim, Claimed, ClaimRefusal, Lease, Offered, Usage } from './lease.ts'
import type { Machine } from './machine.ts'
import { hostMachine } from './machine.ts'
import { PROOF_SIZE_MAX, signAssetOperation } from './operation.ts'
import { amountsOf, refuseRequest, shortage } from './request.ts'
import { checkShare } from './share.ts'
import type { Meter, Metered } from './usage.ts'
import { metered, usageOf } from './usage.ts'

/**
 * Opens what this machine has for lending. Nothing is lendable before it is registered.
 *
 * Disposal gives every region back at once, waits for claims in progress, and tells the ledger nothing: `reclaim`
 * does at the next start.
 *
 * @throws {AssetsError} `invalid-argument` when the share is no part of a whole or the key is not Ed25519.
 */
export function openAssets(options: AssetsOptions): Promise<Assets> {
  return new Promise((resolve) => {
    checkShare(options.share)
    if (options.owner.scheme !== 'ed25519') {
      throw new AssetsError('invalid-argument', `owner's key is ${options.owner.scheme}`)
    }
    const assets = new Lender(options)
    assets.detect()
    resolve(assets)
  })
}

interface OpenLease {
  readonly lease: Lease
  readonly meter: Meter
}

class Lender implements Assets {
  readonly #options: AssetsOptions
  readonly #machine: Machine
  readonly #found = new Map<AssetKind, Asset>()
  readonly #registered = new Map<AssetKind, Asset>()
  readonly #open = new Map<string, OpenLease>()
  // Releases that the ledger has not taken, with the time after which it no longer matters.
  readonly #unsettled = new Map<
    string,
    { readonly operation: Uint8Array; readonly until: bigint }
  >()
  readonly #inProgress = new Set<Promise<unknown>>()
  #absent: readonly Absence[] = []
  #book: LeaseBook
  #alarm: { readonly at: bigint; readonly cancel: () => void } | undefined
  #isClosed = false

  constructor(options: AssetsOptions) {
    this.#options = options
    this.#machine = options.machine ?? hostMachine
    this.#book = openBook(options.clock.now())
  }

  detect(): readonly Asset[] {
    this.#alive()
    const { owner, share, directory, privacy = 'private-network', clock } = this.#options
    const key = owner.publicKey
    const machine = this.#machine
    const now = clock.now()
    const { assets, absent } = detect({ machine, owner: key, share, directory, privacy, now })
    this.#absent = absent
    for (const kind of ASSET_KINDS)
      this.#notice(
        kind,
        assets.find((each) => each.kind === kind),
      )
    return [...this.#found.values()]
  }

  absent(): readonly Absence[] {
    return this.#absent
  }

  async register(asset: Asset, proof: Uint8Array): ReturnType<Assets['register']> {
    this.#alive()
    const { ledger, proofs, owner, clock } = this.#options
    const known = this.#found.get(asset.kind)
    if (known === undefined || !equal(known.id, asset.id)) {
      return { ok: false, refusal: { code: 'unknown-asset' } }
    }
    if (!isSame(known, asset)) return { ok: false, refusal: { code: 'stale-asset' } }
    if (proof.length > PROOF_SIZE_MAX) {
      return { ok: false, refusal: { code: 'proof-refused', reason: `${proof.length} bytes` } }
    }
    const verdict = await proofs.verify(proof, known.id)
    if (!verdict.ok) {
      return { ok: false, refusal: { code: 'proof-refused', reason: verdict.reason } }
    }
    const operation = { type: 'register', asset: known, proof, at: clock.now() } as const
    const recorded = await ledger.record(signAssetOperation(owner, operation))
    if (!recorded.ok) {
      return { ok: false, refusal: { code: 'not-ordered', reason: recorded.reason } }
    }
    this.#alive()
    if (this.#found.get(known.kind) !== known) {
      return { ok: false, refusal: { code: 'stale-asset' } }
    }
    this.#registered.set(known.kind, known)
    this.#step({ type: 'capacity', kind: known.kind, amount: known.capacity })
    return { ok: true, proof: recorded.proof }
  }

  lendable(): { capacity: Amounts; free: Amounts } {
    this.#step({ type: 'tick' })
    return { capacity: this.#book.capacity, free: free(this.#book) }
  }

  offer(request: Claim): Offered {
    this.#alive()
    const { cpu, memory, storage } = amountsOf(request)
    const refusal = this.#cannot(request)
    if (refusal !== undefined) return { ok: false, refusal }
    return { ok: true, offer: { cpu, memory, storage, until: request.until } }
  }

  claim(request: Claim): Promise<Claimed> {
    const claiming = this.#claim(request)
    this.#inProgress.add(claiming)
    const forget = (): void => {
      this.#inProgress.delete(claiming)
    }
    claiming.then(forget, forget)
    return claiming
  }

  async release({ id }: Pick<Lease, 'id'>): ReturnType<Assets['release']> {
    this.#alive()
    const { owner, clock } = this.#options
    const name = toHex(id)
    this.#step({ type: 'tick' })
    const open = this.#open.get(name)
    if (open !== undefined) {
      this.#step({ type: 'release', id: name })
      this.#forget(name)
      const operation = signAssetOperation(owner, {
        type: 'release',
        id: open.lease.id,
        owner: owner.publicKey,
        cause: 'released',
        at: clock.now(),
      })
      this.#unsettled.set(name, { operation, until: open.lease.until })
    }
    return this.#settle(name)
  }

  leases(): readonly Lease[] {
    this.#step({ type: 'tick' })
    return [...this.#open.values()].map(({ lease }) => lease)
  }

  enter(lease: Uint8Array): ReturnType<Assets['enter']> {
    this.#step({ type: 'tick' })
    const open = this.#open.get(toHex(lease))
    const refused = (reason: string) => Promise.resolve({ ok: false, reason } as const)
    if (open === undefined) return refused('no such lease, or it has ended')
    const { cpu, memory, until, proof, region } = open.lease
    if (region !== undefined) {
      return refused('its memory is lent as a region: claim with memoryFor "program" to run on it')
    }
    if (cpu === 0n || memory === 0n) return refused('a program needs a lease of cpu and memory')
    const limits = { memoryBytes: Number(memory), cpuCores: Number(cpu) / 1_000, until }
    return Promise.resolve({ ok: true, limits, proof })
  }

  meter(lease: Uint8Array, used: Metered): boolean {
    this.#step({ type: 'tick' })
    const name = toHex(lease)
    const open = this.#open.get(name)
    if (open === undefined) return false
    this.#open.set(name, { lease: open.lease, meter: metered(open.meter, used) })
    return true
  }

  usage({ id }: Pick<Lease, 'id'>): Usage | undefined {
    this.#step({ type: 'tick' })
    const open = this.#open.get(toHex(id))
    return open === undefined ? undefined : usageOf(open.lease, open.meter)
  }

  async reclaim(open: Parameters<Assets['reclaim']>[0]): ReturnType<Assets['reclaim']> {
    this.#alive()
    const { owner, ledger, clock } = this.#options
    const failed: { id: Uint8Array; reason: string }[] = []
    let reclaimed = 0
    for (const { id, until } of open) {
      const now = clock.now()
      if (until <= now || this.#book.loans.has(toHex(id))) continue
      const operation = signAssetOperation(owner, {
        type: 'release',
        id,
        owner: owner.publicKey,
        cause: 'reclaimed',
        at: now,
      })
      const recorded = await ledger.record(operation)
      if (recorded.ok) reclaimed += 1
      else failed.push({ id, reason: recorded.reason })
    }
    return { reclaimed, failed }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#alarm?.cancel()
    this.#alarm = undefined
    for (const name of this.#open.keys()) this.#forget(name)
    await Promise.allSettled(this.#inProgress)
  }

  async #claim(request: Claim): Promise<Claimed> {
    this.#alive()
    const { owner, ledger, random = systemRandom } = this.#options
    const early = this.#cannot(request)
    if (early !== undefined) return { ok: false, refusal: early }
    const amounts = amountsOf(request)
    const { until, privacy } = request
    const holder = request.holder.slice()
    const id = draw(random, 32)
    const name = toHex(id)
    const loan = { id: name, holder: toHex(holder), amounts, until }
    const refusal = this.#step({ type: 'claim', loan })
    if (refusal !== undefined) return { ok: false, refusal }
    const at = this.#book.now
    let region: MappedMemory | undefined
    let isLent = false
    try {
      const mapped = await this.#map(request)
      if ('refusal' in mapped) return { ok: false, refusal: mapped.refusal }
      region = mapped.region
      const terms = { id, owner: owner.publicKey, holder, ...amounts, privacy, until }
      const operation = signAssetOperation(owner, { type: 'lease', ...terms, at })
      const recorded = await ledger.record(operation)
      if (!recorded.ok) {
        return { ok: false, refusal: { code: 'not-ordered', reason: recorded.reason } }
      }
      this.#alive()
      this.#step({ type: 'tick' })
      // The ledger knows `until` too, so it needs no word from us about this one.
      if (!this.#book.loans.has(name)) return { ok: false, refusal: { code: 'expired' } }
      const lease = leaseOf({ ...terms, since: at, proof: recorded.proof }, region)
      this.#open.set(name, { lease, meter: {} })
      isLent = true
      return { ok: true, lease }
    } finally {
      if (!isLent) {
        region?.[Symbol.dispose]()
        this.#step({ type: 'release', id: name })
      }
    }
  }

  async #map(
    request: Claim,
  ): Promise<{ region: MappedMemory | undefined } | { refusal: ClaimRefusal }> {
    const { memory = 0n, memoryFor = 'region' } = request
    if (memory === 0n || memoryFor === 'program') return { region: undefined }
    try {
      return { region: await this.#machine.map(Number(memory)) }
    } catch (error) {
      if (!(error instanceof HostError)) throw error
      return { refusal: { code: 'not-available', kind: 'memory', reason: error.message } }
    }
  }

  // Everything that can be said against a request before anything is held for it.
  #cannot(request: Claim): ClaimRefusal | undefined {
    this.#step({ type: 'tick' })
    const registered = [...this.#registered.values()]
    const early = refuseRequest(request, registered, this.#options.owner.publicKey)
    if (early !== undefined) return early
    const holder = toHex(request.holder)
    const loan = { id: '', holder, amounts: amountsOf(request), until: request.until }
    const refusal = refuse(this.#book, loan)
    if (refusal !== undefined) return refusal
    let mapped = 0n
    for (const { lease } of this.#open.values()) mapped += BigInt(lease.region?.sizeBytes ?? 0)
    const { directory } = this.#options
    return shortage(request, { book: this.#book, mapped, machine: this.#machine, directory })
  }

  async #settle(name: string): ReturnType<Assets['release']> {
    const unsettled = this.#unsettled.get(name)
    if (unsettled === undefined) return { ok: false, refusal: { code: 'no-such-lease' } }
    const recorded = await this.#options.ledger.record(unsettled.operation)
    if (!recorded.ok) {
      return { ok: false, refusal: { code: 'not-ordered', reason: recorded.reason } }
    }
    this.#unsettled.delete(name)
    return { ok: true, proof: recorded.proof }
  }

  #notice(kind: AssetKind, asset: Asset | undefined): void {
    const known = this.#found.get(kind)
    if (asset === undefined) this.#found.delete(kind)
    else if (known?.capacity !== asset.capacity) this.#found.set(kind, asset)
    const registered = this.#registered.get(kind)
    if (registered === undefined) return
    // Less than was registered counts at once; more only when it is registered again.
    const now = asset?.capacity ?? 0n
    const amount = now < registered.capacity ? now : registered.capacity
    this.#step({ type: 'capacity', kind, amount })
  }

  #step(event: BookEvent): BookRefusal | undefined {
    const now = this.#options.clock.now()
    const { book, ended, refusal } = step(this.#book, event, now)
    this.#book = book
    for (const { id } of ended) this.#forget(id)
    for (const [name, { until }] of this.#unsettled) {
      if (until <= book.now) this.#unsettled.delete(name)
    }
    this.#arm()
    return refusal
  }

  #forget(name: string): void {
    this.#open.get(name)?.lease.region?.[Symbol.dispose]()
    this.#open.delete(name)
  }

  #arm(): void {
    let next: bigint | undefined
    for (const { until } of this.#book.loans.values()) {
      if (next === undefined || until < next) next = until
    }
    if (this.#isClosed || next === this.#alarm?.at) return
    this.#alarm?.cancel()
    this.#alarm = undefined
    if (next === undefined) return
    const ring = (): void => {
      this.#alarm = undefined
      this.#step({ type: 'tick' })
    }
    this.#alarm = { at: next, cancel: this.#options.clock.wake(next, ring) }
  }

  #alive(): void {
    if (this.#isClosed) throw new AssetsError('closed', 'these assets are closed')
  }
}

function isSame(known: Asset, asset: Asset): boolean {
  return (
    known.generation === asset.generation &&
    known.capacity === asset.capacity &&
    known.privacy === asset.privacy
  )
}

function leaseOf(
  terms: Omit<Lease, 'region' | 'enforcement'>,
  region: MappedMemory | undefined,
): Lease {
  const memory = region?.backing === 'memfd' ? 'kernel' : 'ledger'
  const enforcement = { cpu: 'ledger', memory, storage: 'ledger', time: 'ledger' } as const
  return { ...terms, ...(region === undefined ? {} : { region }), enforcement }
}
