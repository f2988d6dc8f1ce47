import { equal } from '@hypermesh/crypto'
import type { Amounts, Asset, PrivacyLevel } from './asset.ts'
import { ASSET_KINDS, isWithin, PRIVACY_LEVELS } from './asset.ts'
import type { LeaseBook } from './book.ts'
import { lentOf } from './book.ts'
import type { Claim, ClaimRefusal } from './lease.ts'
import type { Machine } from './machine.ts'

const UINT64_MAX = 2n ** 64n - 1n

/** What a request asks of each kind. */
export function amountsOf({ cpu = 0n, memory = 0n, storage = 0n }: Claim): Amounts {
  return { cpu, memory, storage }
}

/** What speaks against a request whatever else is lent: its form, and how widely the owner lends. */
export function refuseRequest(
  request: Claim,
  registered: readonly Asset[],
  owner: Uint8Array,
): ClaimRefusal | undefined {
  const { holder, until, privacy } = request
  if (holder.length !== 32) return bad(`a holder's key of ${holder.length} bytes`)
  if (!PRIVACY_LEVELS.includes(privacy)) return bad('no such privacy level')
  const amounts = amountsOf(request)
  for (const value of [...Object.values(amounts), until]) {
    if (value < 0n || value > UINT64_MAX) return bad(`${value} is out of range`)
  }
  if (amounts.memory > BigInt(Number.MAX_SAFE_INTEGER)) return bad('no machine maps so much memory')
  const asked = registered.filter(({ kind }) => amounts[kind] > 0n)
  for (const { privacy: allowed } of asked) {
    if (!isWithin(privacy, allowed)) return { code: 'too-public', allowed }
  }
  const level: PrivacyLevel = 'private'
  if (privacy === level && !equal(holder, owner)) return { code: 'too-public', allowed: level }
  return undefined
}

function bad(reason: string): ClaimRefusal {
  return { code: 'bad-request', reason }
}

/** What the machine has not got at this moment, whatever the book says: others use it too. */
export function shortage(
  request: Claim,
  {
    book,
    mapped,
    machine,
    directory,
  }: {
    readonly book: LeaseBook
    /** Bytes of lent memory that are mapped, and so no longer counted as available. */
    readonly mapped: bigint
    readonly machine: Machine
    readonly directory: string
  },
): ClaimRefusal | undefined {
  const asked = amountsOf(request)
  const lent = lentOf(book)
  const memory = machine.memory()
  const disk = machine.disk(directory)
  // Lent storage may not be written yet and lent memory not yet taken by its program, so all of it is still owed.
  const needed = {
    ...asked,
    memory: asked.memory + lent.memory - mapped,
    storage: asked.storage + lent.storage,
  }
  const free = {
    cpu: undefined,
    memory: memory.available ? memory.value.availableBytes : memory.reason,
    storage: disk.available ? disk.value.freeBytes : disk.reason,
  }
  for (const kind of ASSET_KINDS) {
    const has = free[kind]
    if (asked[kind] === 0n || has === undefined) continue
    if (typeof has === 'string') return { code: 'not-available', kind, reason: has }
    if (needed[kind] > BigInt(has)) {
      const reason = `${needed[kind]} bytes asked for or owed, ${has} free`
      return { code: 'not-available', kind, reason }
    }
  }
  return undefined
}
