import { equal, toHex, verify } from '@hypermesh/crypto'
import type { RevocationReason } from '../ledger/entry.ts'
import { isName } from '../name.ts'
import { requestBytes } from './request.ts'

/** How long a node's certificate lasts when nothing is said: 30 days. */
export const LIFETIME_MS: bigint = 30n * 86_400_000n

/** The shortest and the longest that may be asked for. A leaked key does harm for as long as its certificate. */
const LIFETIME_MS_MIN = 1_000n
const LIFETIME_MS_MAX = 90n * 86_400_000n

/** Most certificates one key holds at a time, so that no node fills the ledger. */
export const CERTIFICATES_PER_KEY_MAX = 16

/** What a node asks for. */
export interface IssueRequest {
  readonly name: string
  /** The node's raw Ed25519 public key. */
  readonly key: Uint8Array
  /** Signature by that key over `requestBytes(name, key)`. */
  readonly proof: Uint8Array
  /** Milliseconds; 30 days when absent. */
  readonly lifetimeMs?: bigint
}

/** Why a certificate is not issued. */
export type IssueRefusal =
  | { readonly code: 'name-malformed' }
  | { readonly code: 'key-malformed' }
  | { readonly code: 'possession-not-proved' }
  | { readonly code: 'lifetime-out-of-range'; readonly minMs: bigint; readonly maxMs: bigint }
  | { readonly code: 'outlives-authority'; readonly notAfter: bigint }
  | { readonly code: 'name-taken' }
  | { readonly code: 'key-compromised' }
  | { readonly code: 'too-many-certificates'; readonly max: number }
  | { readonly code: 'revoked' }
  | { readonly code: 'authority-revoked' }

/** A certificate of a node, or the intent of one. */
export interface Registration {
  readonly n: bigint
  readonly serial: string
  readonly name: string
  readonly key: Uint8Array
  readonly notAfter: bigint
  readonly state: 'intended' | 'issued' | 'void'
  readonly revoked?: { readonly reason: RevocationReason; readonly at: bigint }
}

export type Judgement =
  | { readonly type: 'refused'; readonly refusal: IssueRefusal }
  | { readonly type: 'known'; readonly registration: Registration }
  | { readonly type: 'new' }

/** Whether the request itself is in order: the part that needs no memory of others. */
export function checkRequest(request: IssueRequest): IssueRefusal | undefined {
  const { name, key, proof, lifetimeMs = LIFETIME_MS } = request
  if (!isName(name)) return { code: 'name-malformed' }
  if (key.length !== 32) return { code: 'key-malformed' }
  if (lifetimeMs < LIFETIME_MS_MIN || lifetimeMs > LIFETIME_MS_MAX) {
    return { code: 'lifetime-out-of-range', minMs: LIFETIME_MS_MIN, maxMs: LIFETIME_MS_MAX }
  }
  if (!verify('ed25519', key, requestBytes(name, key), proof)) {
    return { code: 'possession-not-proved' }
  }
  return undefined
}

/** Who holds which name, by every certificate ever intended. */
export class Register {
  readonly #serials = new Map<string, Registration>()
  readonly #names = new Map<string, Set<string>>()
  readonly #keys = new Map<string, Set<string>>()

  all(): Registration[] {
    return [...this.#serials.values()]
  }

  get(serial: string): Registration | undefined {
    return this.#serials.get(serial)
  }

  /** Adds a registration, or replaces the one with its serial. */
  put(registration: Registration): void {
    const { serial, name, key } = registration
    this.#serials.set(serial, registration)
    index(this.#names, name, serial)
    index(this.#keys, toHex(key), serial)
  }

  /** Decides on a request that is in order. A name stays with its first key until its certificates are revoked. */
  judge(request: IssueRequest, now: bigint): Judgement {
    const { name, key, lifetimeMs = LIFETIME_MS } = request
    const holders = this.#of(this.#names, name).filter(isHeld)
    if (holders.some((held) => !equal(held.key, key))) return refuse({ code: 'name-taken' })
    const own = this.#of(this.#keys, toHex(key))
    if (own.some(({ revoked }) => revoked?.reason === 'key-compromise')) {
      return refuse({ code: 'key-compromised' })
    }
    // Asking again is safe: half the asked lifetime left is an answer, and the ledger does not grow.
    const answer = holders.findLast((held) => (held.notAfter - now) * 2n >= lifetimeMs)
    if (answer) return { type: 'known', registration: answer }
    const live = own.filter((held) => isHeld(held) && held.notAfter >= now)
    if (live.length >= CERTIFICATES_PER_KEY_MAX) {
      return refuse({ code: 'too-many-certificates', max: CERTIFICATES_PER_KEY_MAX })
    }
    return { type: 'new' }
  }

  #of(indexed: ReadonlyMap<string, ReadonlySet<string>>, value: string): Registration[] {
    const serials = [...(indexed.get(value) ?? [])]
    return serials.flatMap((serial) => this.#serials.get(serial) ?? [])
  }
}

function refuse(refusal: IssueRefusal): Judgement {
  return { type: 'refused', refusal }
}

function isHeld({ state, revoked }: Registration): boolean {
  return state !== 'void' && !revoked
}

function index(indexed: Map<string, Set<string>>, value: string, serial: string): void {
  const serials = indexed.get(value) ?? new Set()
  indexed.set(value, serials.add(serial))
}
