/**
 * Simulated implementations of the ports of this package, and what every implementation promises.
 *
 * @packageDocumentation
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { sha256, toHex } from '@hypermesh/crypto'
import type { KeyStore } from './keys/keystore.ts'
import type { IssuanceLedger } from './ledger/ledger.ts'

/** A test runner's `test`: vitest's, or node's. */
export type RunTest = (name: string, run: () => Promise<void>) => unknown

/** Secrets in memory, gone with the process. */
export function memoryKeys(): KeyStore {
  const secrets = new Map<string, Uint8Array>()
  return {
    load: async (name) => secrets.get(name)?.slice(),
    save: async (name, secret) => {
      secrets.set(name, secret.slice())
    },
  }
}

/** A ledger in memory that can be told to fail. */
export interface MemoryLedger extends IssuanceLedger {
  readonly entries: readonly Uint8Array[]
  /** From now on: `before` the entry is taken it fails, or `after`, as when the answer is lost; `false`: not at all. */
  fail(when: 'before' | 'after' | false): void
}

export function memoryLedger(): MemoryLedger {
  const entries: Uint8Array[] = []
  const positions = new Map<string, bigint>()
  let failing: 'before' | 'after' | false = false
  return {
    entries,
    fail: (when) => {
      failing = when
    },
    append: async (entry) => {
      if (failing === 'before') throw new Error('the ledger was told to fail')
      const digest = sha256(entry)
      const position = positions.get(toHex(digest)) ?? BigInt(entries.length)
      if (!positions.has(toHex(digest))) entries.push(entry.slice())
      positions.set(toHex(digest), position)
      if (failing === 'after') throw new Error('the answer was lost')
      return { position, proof: digest }
    },
  }
}

/** What every {@link KeyStore} promises. `open` opens the same secrets again; `create` makes new ones. */
export function keyStoreTests(
  test: RunTest,
  create: () => Promise<{ open: () => Promise<KeyStore> }>,
): void {
  test('a secret never saved is undefined', async () => {
    const store = await (await create()).open()
    equal(await store.load('root'), undefined)
  })

  test('a secret is there after the store is opened again', async () => {
    const { open } = await create()
    const secret = Uint8Array.from({ length: 32 }, (_, at) => at)
    await (await open()).save('root', secret)
    deepEqual(await (await open()).load('root'), secret)
  })

  test('saving again replaces the secret, and no other', async () => {
    const { open } = await create()
    const store = await open()
    await store.save('root', Uint8Array.of(1))
    await store.save('intermediate', Uint8Array.of(2))
    await store.save('root', Uint8Array.of(3))
    deepEqual(await (await open()).load('root'), Uint8Array.of(3))
    deepEqual(await (await open()).load('intermediate'), Uint8Array.of(2))
  })

  test('what is done with the bytes afterwards does not change the secret', async () => {
    const store = await (await create()).open()
    const secret = Uint8Array.of(1, 2, 3)
    await store.save('root', secret)
    secret.fill(0)
    const loaded = await store.load('root')
    loaded?.fill(9)
    deepEqual(await store.load('root'), Uint8Array.of(1, 2, 3))
  })
}

/** What every {@link IssuanceLedger} promises. */
export function issuanceLedgerTests(
  test: RunTest,
  create: () => Promise<{ open: () => Promise<IssuanceLedger & Partial<AsyncDisposable>> }>,
): void {
  const withLedger = async (
    open: () => Promise<IssuanceLedger & Partial<AsyncDisposable>>,
    act: (ledger: IssuanceLedger) => Promise<void>,
  ): Promise<void> => {
    const ledger = await open()
    await act(ledger)
    await ledger[Symbol.asyncDispose]?.()
  }
  const entries = Array.from({ length: 5 }, (_, at) => Uint8Array.of(at, 7))

  test('entries get rising positions and proofs', async () => {
    await withLedger((await create()).open, async (ledger) => {
      let last = -1n
      for (const entry of entries) {
        const { position, proof } = await ledger.append(entry)
        ok(position > last && proof.length > 0)
        last = position
      }
    })
  })

  test('the same bytes keep their place, at once and after opening again', async () => {
    const { open } = await create()
    const positions: bigint[] = []
    await withLedger(open, async (ledger) => {
      for (const entry of entries) positions.push((await ledger.append(entry)).position)
      for (const [at, entry] of entries.entries()) {
        equal((await ledger.append(entry)).position, positions[at])
      }
    })
    await withLedger(open, async (ledger) => {
      equal((await ledger.append(Uint8Array.of(2, 7))).position, positions[2])
      ok((await ledger.append(Uint8Array.of(99))).position > (positions[4] ?? -1n))
    })
  })

  test('entries appended at the same time get places of their own', async () => {
    await withLedger((await create()).open, async (ledger) => {
      const places = await Promise.all(entries.map((entry) => ledger.append(entry)))
      equal(new Set(places.map(({ position }) => position)).size, entries.length)
    })
  })
}

/** A ledger that answers with places it does not keep: what a replay must notice. */
export function forgetfulLedger(): IssuanceLedger {
  let next = 0n
  return {
    append: async (entry) => {
      next += 1n
      return { position: next, proof: sha256(entry) }
    },
  }
}
