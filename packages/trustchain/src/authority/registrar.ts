import { equal, sha256, systemRandom, toHex } from '@hypermesh/crypto'
import type { Random } from '@hypermesh/crypto'
import { assemble, fingerprint, readCertificate } from '../certificate/certificate.ts'
import { checkLink } from '../chain/path.ts'
import { decideChain } from '../chain/verify.ts'
import { TrustError } from '../errors.ts'
import { entryCodec, keyId, signEntry } from '../ledger/entry.ts'
import type { Entry, EntryBody, RevocationReason } from '../ledger/entry.ts'
import type { IssuanceLedger } from '../ledger/ledger.ts'
import { damaged } from '../sqlite.ts'
import { checkCross } from './cross.ts'
import type {
  Authority,
  AuthorityOptions,
  CrossCertification,
  Issuance,
  IssuedCertificate,
} from './authority.ts'
import { early } from './found.ts'
import type { Standing } from './found.ts'
import { Gate } from './gate.ts'
import { Journal } from './journal.ts'
import type { Certifier, Settlement } from './journal.ts'
import { LIFETIME_MS, Register, checkRequest } from './register.ts'
import type { IssueRequest, Registration } from './register.ts'
import { drawSerial } from './serial.ts'
import type { Line, Store } from './store.ts'
import { toBeSigned } from './tbs.ts'

interface Cross {
  readonly n: bigint
  readonly root: Uint8Array
  readonly notAfter: bigint
}

/** An authority over its store: memory of who holds what, and the order of acts. */
export class Registrar implements Authority, Certifier {
  readonly root: Uint8Array
  readonly intermediate: Uint8Array
  readonly #file: string
  readonly #clock: { now(): bigint }
  readonly #random: Random
  readonly #store: Store
  readonly #standing: Standing
  readonly #journal: Journal
  readonly #gate = new Gate()
  readonly #register = new Register()
  readonly #crosses = new Map<string, Cross>()
  readonly #revocations = new Map<string, { readonly n: bigint; readonly by: string }>()
  #isClosed = false

  constructor(options: AuthorityOptions, store: Store, founded: Standing) {
    this.#file = options.file
    this.#clock = options.clock
    this.#random = options.random ?? systemRandom
    this.#store = store
    this.#standing = founded
    this.root = founded.root.certificate.der
    this.intermediate = founded.intermediate.certificate.der
    this.#journal = new Journal(store, options.ledger, this)
    for (const line of store.lines()) this.#recall(line)
    // Only now: whether an intent is moot can depend on a later line.
    for (const line of store.lines()) this.#journal.resume(line)
  }

  async issue(request: IssueRequest): Promise<Issuance> {
    const refusal = checkRequest(request)
    if (refusal) return { ok: false, refusal }
    return this.#act(async () => {
      const now = this.#clock.now()
      const { notAfter, serial: own } = this.#standing.intermediate.certificate
      if (this.isRevoked(own)) return { ok: false, refusal: { code: 'authority-revoked' } }
      const until = seconds(now + (request.lifetimeMs ?? LIFETIME_MS))
      if (until > notAfter) return { ok: false, refusal: { code: 'outlives-authority', notAfter } }
      let judgement = this.#register.judge(request, now)
      if (judgement.type === 'new') {
        const serial = drawSerial(this.#random)
        const tbs = await this.#nodePart(request, serial, now, until)
        // Someone else may have got the name while the certificate was being written.
        judgement = this.#register.judge(request, now)
        if (judgement.type === 'new') {
          const registration = this.#intend(request, serial, until, tbs)
          judgement = { type: 'known', registration }
        }
      }
      if (judgement.type === 'refused') return { ok: false, refusal: judgement.refusal }
      const { n, serial } = judgement.registration
      const { der } = await this.#journal.carry(n)
      if (!der) return { ok: false, refusal: { code: 'revoked' } }
      return { ok: true, chain: [der, this.intermediate], serial }
    })
  }

  crossCertify(der: Uint8Array): Promise<CrossCertification> {
    return this.#act(async () => {
      const { key, certificate: own } = this.#standing.root
      const now = this.#clock.now()
      const check = checkCross(der, own, now)
      if (!check.ok) return { ok: false, refusal: check.refusal }
      let [serial, cross] = this.#crossOf(der, now) ?? []
      if (!serial || !cross) {
        serial = drawSerial(this.#random)
        const { root: other, below } = check
        const notAfter = other.notAfter < own.notAfter ? other.notAfter : own.notAfter
        const { scheme } = other.key
        if (!scheme) throw new TrustError('self-check-failed', 'a checked root has an unknown key')
        const tbs = await toBeSigned({
          serial,
          issuer: { name: own.subject, scheme: key.scheme, publicKey: key.publicKey },
          key: { scheme, publicKey: other.key.bytes },
          notBefore: other.notBefore > early(now) ? other.notBefore : early(now),
          notAfter,
          kind: { type: 'authority', name: other.subject, below },
        })
        const root = fingerprint(der)
        const body: EntryBody = { type: 'crossed', serial, root, tbs: sha256(tbs), notAfter }
        const { n } = this.#journal.intend(signEntry(body, key), tbs)
        cross = { n, root, notAfter }
        this.#crosses.set(serial, cross)
      }
      const line = await this.#journal.carry(cross.n)
      if (!line.der) return { ok: false, refusal: { code: 'revoked' } }
      return { ok: true, certificate: line.der, serial }
    })
  }

  revoke(serial: string, reason: RevocationReason): Promise<void> {
    return this.#act(async () => {
      const known = this.#revocations.get(serial)
      if (known) {
        await this.#journal.carry(known.n)
        return
      }
      const { root, intermediate } = this.#standing
      const isNode = this.#register.get(serial) !== undefined
      const isAuthority = this.#crosses.has(serial) || serial === intermediate.certificate.serial
      if (!isNode && !isAuthority) {
        throw new TrustError('unknown-serial', `no certificate ${serial} was issued here`)
      }
      const body: EntryBody = { type: 'revoked', serial, reason, at: this.#clock.now() }
      const { key } = isNode ? intermediate : root
      const { n } = this.#journal.intend(signEntry(body, key))
      this.#remember(body, n, keyId(key.publicKey))
      await this.#journal.carry(n)
    })
  }

  isRevoked(serial: string, issuer?: Uint8Array): boolean {
    const revocation = this.#revocations.get(serial)
    return revocation !== undefined && (!issuer || revocation.by === toHex(issuer))
  }

  issued(): readonly IssuedCertificate[] {
    this.#demandOpen()
    return this.#register.all().flatMap((registration) => {
      const { n, serial, name, key, notAfter, revoked, state } = registration
      if (state !== 'issued') return []
      const { entry, der } = this.#store.line(n)
      if (!der) throw damaged(this.#file)
      const certificate = { serial, name, key, notAfter, certificate: der, entry }
      return [revoked ? { ...certificate, revoked } : certificate]
    })
  }

  entries(): readonly { entry: Uint8Array; position?: bigint; proof?: Uint8Array }[] {
    this.#demandOpen()
    return Array.from(this.#store.lines(), ({ entry, place }) => ({ entry, ...place }))
  }

  async settle(): Promise<Settlement> {
    return this.#gate.shared(async () => {
      this.#demandOpen()
      return this.#journal.settle()
    })
  }

  setLedger(ledger: IssuanceLedger): Promise<void> {
    return this.#gate.exclusive(async () => {
      this.#demandOpen()
      await this.#journal.replay(ledger)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true
    this.#store.close()
  }

  certify(line: Line, tbs: Uint8Array): Uint8Array {
    const { root, intermediate } = this.#standing
    const { body } = this.#read(line)
    if (body.type === 'crossed') {
      const der = assemble(tbs, root.key.sign(tbs))
      const reading = readCertificate(der)
      if (reading.ok && !checkLink(reading.certificate, root.certificate, 0)) return der
      throw new TrustError('self-check-failed', `cross-certificate ${body.serial} is not signed`)
    }
    const der = assemble(tbs, intermediate.key.sign(tbs))
    const verdict = decideChain({
      chain: [der, this.intermediate],
      anchors: [this.root],
      now: this.#clock.now(),
      isRevoked: (serial) => this.isRevoked(serial),
    })
    if (verdict.ok) return der
    const why = verdict.reasons.map(({ code, at }) => `${code} at ${at}`).join(', ')
    throw new TrustError('self-check-failed', `what would be issued does not verify: ${why}`)
  }

  isMoot(line: Line): boolean {
    const { body } = this.#read(line)
    if (body.type !== 'issued' && body.type !== 'crossed') return false
    const { serial } = this.#standing.intermediate.certificate
    if (body.type === 'issued' && this.isRevoked(serial)) return true
    return this.isRevoked(body.serial) || body.notAfter < this.#clock.now()
  }

  onSettled(line: Line): void {
    const { body } = this.#read(line)
    const registration = body.type === 'issued' && this.#register.get(body.serial)
    if (registration)
      this.#register.put({ ...registration, state: line.isVoid ? 'void' : 'issued' })
  }

  #act<T>(act: () => Promise<T>): Promise<T> {
    return this.#gate.shared(async () => {
      this.#demandOpen()
      if (this.#journal.hasLeftovers) await this.#journal.settle()
      return act()
    })
  }

  #demandOpen(): void {
    if (this.#isClosed) throw new TrustError('closed', 'the authority is closed')
  }

  #nodePart(
    { name, key }: IssueRequest,
    serial: string,
    now: bigint,
    notAfter: bigint,
  ): Promise<Uint8Array> {
    const { key: issuer, certificate } = this.#standing.intermediate
    return toBeSigned({
      serial,
      issuer: { name: certificate.subject, scheme: issuer.scheme, publicKey: issuer.publicKey },
      key: { scheme: 'ed25519', publicKey: key },
      notBefore: early(now),
      notAfter,
      kind: { type: 'node', name },
    })
  }

  #intend(
    { name, key }: IssueRequest,
    serial: string,
    notAfter: bigint,
    tbs: Uint8Array,
  ): Registration {
    const body: EntryBody = { type: 'issued', serial, name, key, tbs: sha256(tbs), notAfter }
    const { n } = this.#journal.intend(signEntry(body, this.#standing.intermediate.key), tbs)
    const registration: Registration = { n, serial, name, key, notAfter, state: 'intended' }
    this.#register.put(registration)
    return registration
  }

  #crossOf(der: Uint8Array, now: bigint): [string, Cross] | undefined {
    const print = fingerprint(der)
    return [...this.#crosses].findLast(
      ([serial, cross]) =>
        equal(cross.root, print) && cross.notAfter >= now && !this.#revocations.has(serial),
    )
  }

  #read({ entry }: Line): Entry {
    const decoded = entryCodec.decode(entry)
    if (decoded.ok) return decoded.value
    throw damaged(this.#file)
  }

  // Builds memory from one line of the journal, and sees that the line is what it was.
  #recall(line: Line): void {
    const { n, tbs, der, isVoid } = line
    const { body, by } = this.#read(line)
    if (body.type === 'issued' || body.type === 'crossed') {
      const reading = der && readCertificate(der)
      const part = reading ? reading.ok && reading.certificate.tbs : tbs
      if (!isVoid && (!part || !equal(sha256(part), body.tbs))) throw damaged(this.#file)
    }
    if (body.type === 'issued') {
      const { serial, name, key, notAfter } = body
      const state = isVoid ? 'void' : der ? 'issued' : 'intended'
      this.#register.put({ n, serial, name, key, notAfter, state })
    }
    if (body.type === 'crossed') {
      this.#crosses.set(body.serial, { n, root: body.root, notAfter: body.notAfter })
    }
    if (body.type === 'revoked') this.#remember(body, n, by)
  }

  #remember(body: EntryBody & { readonly type: 'revoked' }, n: bigint, by: Uint8Array): void {
    const { serial, reason, at } = body
    this.#revocations.set(serial, { n, by: toHex(by) })
    const registration = this.#register.get(serial)
    if (registration) this.#register.put({ ...registration, revoked: { reason, at } })
  }
}

// Certificates say seconds.
function seconds(at: bigint): bigint {
  return at - (at % 1000n)
}
