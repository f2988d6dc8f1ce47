import { TrustError } from '../errors.ts'
import type { TrustErrorCode } from '../errors.ts'
import type { IssuanceLedger } from '../ledger/ledger.ts'
import type { Line, Place, Store } from './store.ts'

const PASSING: ReadonlySet<TrustErrorCode> = new Set(['ledger-unavailable', 'self-check-failed'])

/** What a journal asks of its authority. */
export interface Certifier {
  /** The certificate for a signed part whose intent is on the ledger, verified. */
  certify(line: Line, tbs: Uint8Array): Uint8Array
  /** Whether nothing should come of this intent any more: it was revoked, or its time is over. */
  isMoot(line: Line): boolean
  /** The line has its place, and its certificate if there is one. */
  onSettled(line: Line): void
}

/** What became of intents that were left over. */
export interface Settlement {
  readonly completed: number
  readonly voided: number
  /** Those that the ledger does not take, or whose certificate would not verify, yet. */
  readonly waiting: number
}

/**
 * Carries each line from intent to ledger to certificate, in this order and never another. A crash at any point
 * leaves a line that is carried on later with the same bytes, so it ends in the same place.
 */
export class Journal {
  readonly #store: Store
  readonly #certifier: Certifier
  #ledger: IssuanceLedger
  readonly #waiting = new Map<bigint, Line>()
  readonly #carrying = new Map<bigint, Promise<Line>>()

  constructor(store: Store, ledger: IssuanceLedger, certifier: Certifier) {
    this.#store = store
    this.#ledger = ledger
    this.#certifier = certifier
  }

  /** Takes up the lines as a former life left them. */
  resume(line: Line): void {
    if (line.isVoid) return
    if (!line.place) this.#waiting.set(line.n, line)
    // A replay gave it a place and then the process ended.
    else if (line.tbs && !line.der) this.#finish(line, line.place)
  }

  intend(entry: Uint8Array, tbs?: Uint8Array): Line {
    const line = this.#store.intend(entry, tbs)
    this.#waiting.set(line.n, line)
    return line
  }

  /** Whether a line waits that nobody is carrying. The first goes before any other by itself. */
  get hasLeftovers(): boolean {
    return [...this.#waiting.keys()].some((n) => n > 1n && !this.#carrying.has(n))
  }

  /**
   * Sees a line through; at once if it already is.
   *
   * @throws {TrustError} `ledger-unavailable`; the line stays and is carried on later.
   */
  carry(n: bigint): Promise<Line> {
    const carrying = this.#carrying.get(n)
    if (carrying) return carrying
    const line = this.#waiting.get(n)
    if (!line) return Promise.resolve(this.#store.line(n))
    const started = this.#carry(line).finally(() => this.#carrying.delete(n))
    this.#carrying.set(n, started)
    return started
  }

  async settle(): Promise<Settlement> {
    let [completed, voided, waiting] = [0, 0, 0]
    for (const n of this.#waiting.keys()) {
      try {
        const line = await this.carry(n)
        if (line.isVoid) voided += 1
        else completed += 1
      } catch (error) {
        // A clock set back makes a certificate of the future: that is no reason to stop the others.
        const isPassing = error instanceof TrustError && PASSING.has(error.code)
        if (!isPassing) throw error
        waiting += 1
      }
    }
    return { completed, voided, waiting }
  }

  /**
   * Writes every line into `ledger`, then uses it. Repeating this is safe: what is there already has its place.
   *
   * @throws {TrustError} `replay-failed`; the ledger before stays in use.
   */
  async replay(ledger: IssuanceLedger): Promise<void> {
    this.#store.beginReplay()
    const positions = new Set<bigint>()
    for (const line of this.#store.lines()) {
      if (!line.place && (line.isVoid || this.#dropIfMoot(line))) continue
      const place = await replayOne(ledger, line)
      if (positions.has(place.position)) throw failed(line, `two entries at ${place.position}`)
      positions.add(place.position)
      this.#store.replayed(line.n, place)
    }
    this.#store.endReplay()
    this.#ledger = ledger
    for (const n of this.#waiting.keys()) {
      const line = this.#store.line(n)
      if (line.place) this.#finish(line, line.place)
    }
  }

  async #carry(line: Line): Promise<Line> {
    // A ledger that has an authority's certificates knows first whose they are.
    if (line.n > 1n && this.#waiting.has(1n)) await this.carry(1n)
    if (this.#dropIfMoot(line)) return { ...line, isVoid: true }
    let place: Place
    try {
      place = await this.#ledger.append(line.entry)
    } catch (cause) {
      const text = 'the ledger did not take an entry; it is kept and will be tried again'
      throw new TrustError('ledger-unavailable', text, { cause })
    }
    return this.#finish(line, place)
  }

  #dropIfMoot(line: Line): boolean {
    if (!line.tbs || !this.#certifier.isMoot(line)) return false
    this.#store.markVoid(line.n)
    this.#settled({ ...line, isVoid: true })
    return true
  }

  // The ledger may have taken long enough for the intent to become moot.
  #finish(line: Line, place: Place): Line {
    const isVoid = line.tbs !== undefined && this.#certifier.isMoot(line)
    const der = line.tbs && !isVoid ? this.#certifier.certify(line, line.tbs) : undefined
    this.#store.complete(line.n, place, der)
    if (isVoid) this.#store.markVoid(line.n)
    const finished: Line = { ...line, tbs: undefined, der, isVoid, place }
    this.#settled(finished)
    return finished
  }

  #settled(line: Line): void {
    this.#waiting.delete(line.n)
    this.#certifier.onSettled(line)
  }
}

// Asked twice, a ledger that really has the entry names the same place twice.
async function replayOne(ledger: IssuanceLedger, line: Line): Promise<Place> {
  try {
    const place = await ledger.append(line.entry)
    const again = await ledger.append(line.entry)
    if (again.position === place.position) return place
    throw failed(line, `at ${place.position}, then at ${again.position}`)
  } catch (cause) {
    throw cause instanceof TrustError ? cause : failed(line, 'not taken', cause)
  }
}

function failed(line: Line, why: string, cause?: unknown): TrustError {
  const text = `entry ${line.n} did not come through to the new ledger (${why}); the old one stays in use`
  return new TrustError('replay-failed', text, { cause })
}
