/**
 * Simulated implementations of the ports of `@hypermesh/assets`, and what every implementation must pass.
 *
 * @packageDocumentation
 */
import assert from 'node:assert/strict'
import { equal, sha256 } from '@hypermesh/crypto'
import { mapMemory } from '@hypermesh/host'
import type { Machine } from './machine.ts'
import type { AssetOperation } from './operation.ts'
import { verifyAssetOperation } from './operation.ts'
import type { AssetClock, AssetLedger, ProofVerifier } from './ports.ts'

/** A clock that moves only when told to. */
export function simulatedClock(start = 0n): AssetClock & { advance(ms: bigint): void } {
  const wakes = new Map<object, { readonly at: bigint; readonly run: () => void }>()
  let now = start
  const next = (until: bigint): [object, { at: bigint; run: () => void }] | undefined =>
    [...wakes]
      .filter(([, { at }]) => at <= until)
      .toSorted(([, a], [, b]) => Number(a.at - b.at))[0]
  return {
    now: () => now,
    wake: (at, run) => {
      const key = {}
      wakes.set(key, { at, run })
      return () => {
        wakes.delete(key)
      }
    },
    advance: (ms) => {
      const until = now + ms
      for (let due = next(until); due !== undefined; due = next(until)) {
        const [key, { at, run }] = due
        wakes.delete(key)
        if (at > now) now = at
        run()
      }
      now = until
    },
  }
}

/** A ledger of one, which orders whatever verifies and remembers it. */
export interface SimulatedLedger extends AssetLedger {
  readonly operations: readonly AssetOperation[]
  /** From now on nothing is ordered, for this reason; undefined ends that. */
  refuse(reason: string | undefined): void
  /** From now on every record waits for this; undefined ends that. */
  delay(until: Promise<void> | undefined): void
}

export function simulatedLedger(): SimulatedLedger {
  const operations: AssetOperation[] = []
  let refusal: string | undefined
  let delayed: Promise<void> | undefined
  return {
    operations,
    refuse: (reason) => {
      refusal = reason
    },
    delay: (until) => {
      delayed = until
    },
    record: async (operation) => {
      await delayed
      if (refusal !== undefined) return { ok: false, reason: refusal }
      const verified = verifyAssetOperation(operation)
      if (!verified.ok) return { ok: false, reason: verified.refusal.code }
      operations.push(verified.operation)
      return { ok: true, proof: sha256(operation) }
    },
  }
}

/** Takes the proofs that it made itself: a hash of the subject, with nothing of a consensus in it. */
export function simulatedProofs(): ProofVerifier & { prove(subject: Uint8Array): Uint8Array } {
  const domain = new TextEncoder().encode('simulated proof')
  const prove = (subject: Uint8Array): Uint8Array => sha256(domain, subject)
  return {
    prove,
    verify: (proof, subject) =>
      Promise.resolve(
        equal(proof, prove(subject)) ? { ok: true } : { ok: false, reason: 'not a proof of this' },
      ),
  }
}

/** A machine of stated size, with nothing of it in use. The memory it maps is the real machine's. */
export function simulatedMachine(size: {
  readonly cores: number
  readonly memoryBytes: number
  readonly storageBytes: number
}): Machine {
  const { cores, memoryBytes, storageBytes } = size
  return {
    cpu: () => ({ available: true, value: { cores, model: 'simulated' } }),
    memory: () => ({
      available: true,
      value: { totalBytes: memoryBytes, availableBytes: memoryBytes },
    }),
    disk: () => ({ available: true, value: { totalBytes: storageBytes, freeBytes: storageBytes } }),
    map: (sizeBytes) => Promise.resolve(mapMemory(sizeBytes)),
  }
}

/** How a test is declared: vitest's `test`, node:test's, or one like them. */
export type DeclareTest = (name: string, body: () => Promise<void>) => void

/**
 * What every `AssetLedger` promises. Whoever writes one runs this.
 *
 * @param open - A ledger, and a signed operation that it would take.
 */
export function assetLedgerTests(
  test: DeclareTest,
  open: () => Promise<{ readonly ledger: AssetLedger; readonly operation: Uint8Array }>,
): void {
  test('an operation is ordered and its place proved', async () => {
    const { ledger, operation } = await open()
    const recorded = await ledger.record(operation)
    assert.equal(recorded.ok, true)
    assert.ok(recorded.ok && recorded.proof.length > 0)
  })

  test('what is not an operation is refused with a reason, not thrown', async () => {
    const { ledger, operation } = await open()
    const wrong = [new Uint8Array(0), operation.subarray(1), new Uint8Array(2 ** 20)]
    for (const bytes of wrong) {
      const recorded = await ledger.record(bytes)
      assert.ok(!recorded.ok && recorded.reason !== '')
    }
  })

  test('an operation changed after its owner signed it is refused, wherever it was changed', async () => {
    const { ledger, operation } = await open()
    for (let part = 0; part < 16; part += 1) {
      const forged = operation.slice()
      const place = Math.floor((part * operation.length) / 16)
      forged[place] = (forged[place] ?? 0) ^ 1
      const recorded = await ledger.record(forged)
      assert.equal(recorded.ok, false, `byte ${place} of ${operation.length}`)
    }
  })
}

/**
 * What every `ProofVerifier` promises. Whoever writes one runs this.
 *
 * @param open - A verifier, and a proof that it takes for the subject.
 */
export function proofVerifierTests(
  test: DeclareTest,
  open: () => Promise<{
    readonly verifier: ProofVerifier
    readonly proof: Uint8Array
    readonly subject: Uint8Array
  }>,
): void {
  test('a proof verifies for its subject', async () => {
    const { verifier, proof, subject } = await open()
    assert.deepEqual(await verifier.verify(proof, subject), { ok: true })
  })

  test('and for no other', async () => {
    const { verifier, proof, subject } = await open()
    const verdict = await verifier.verify(proof, sha256(subject))
    assert.ok(!verdict.ok && verdict.reason !== '')
  })

  test('a damaged, cut or empty proof is refused with a reason, not thrown', async () => {
    const { verifier, proof, subject } = await open()
    const flipped = proof.slice()
    const middle = Math.floor(proof.length / 2)
    flipped[middle] = (flipped[middle] ?? 0) ^ 1
    for (const bytes of [flipped, proof.subarray(0, -1), new Uint8Array(0)]) {
      const verdict = await verifier.verify(bytes, subject)
      assert.ok(!verdict.ok && verdict.reason !== '')
    }
  })
}
