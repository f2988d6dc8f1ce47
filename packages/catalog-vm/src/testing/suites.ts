import assert from 'node:assert/strict'
import type { Leases, Mounts, ProofVerifier, Receipts } from '../ports.ts'

/** What a suite needs of a test runner: a name and what to run. */
export type Test = (name: string, run: () => Promise<void>) => unknown

/** What every `Leases` promises. `open` gives one that has granted `known` and not `unknown`. */
export function leasesTests(
  test: Test,
  open: () => Promise<{ leases: Leases; known: Uint8Array; unknown: Uint8Array }>,
): void {
  test('a granted lease is entered with limits, an end and a proof', async () => {
    const { leases, known } = await open()
    const entered = await leases.enter(known)
    assert(entered.ok)
    assert(entered.limits.memoryBytes > 0)
    assert(entered.limits.cpuCores > 0)
    assert(entered.limits.until > 0n)
    assert(entered.proof.length > 0)
  })
  test('a lease that was not granted is refused with a reason', async () => {
    const { leases, unknown } = await open()
    const entered = await leases.enter(unknown)
    assert(!entered.ok)
    assert(entered.reason.length > 0)
  })
}

/** What every `ProofVerifier` promises. `open` gives a proof that holds for its subject. */
export function proofVerifierTests(
  test: Test,
  open: () => Promise<{ proofs: ProofVerifier; proof: Uint8Array; subject: Uint8Array }>,
): void {
  test('a proof holds for its own subject', async () => {
    const { proofs, proof, subject } = await open()
    assert((await proofs.verify(proof, subject)).ok)
  })
  test('a proof does not hold for another subject, nor with a bit flipped, cut short or empty', async () => {
    const { proofs, proof, subject } = await open()
    const flip = (bytes: Uint8Array): Uint8Array => bytes.with(0, (bytes[0] ?? 0) ^ 1)
    for (const [shown, about] of [
      [proof, flip(subject)],
      [flip(proof), subject],
      [proof.subarray(0, -1), subject],
      [new Uint8Array(0), subject],
    ] as const) {
      const verified = await proofs.verify(shown, about)
      assert(!verified.ok)
      assert(verified.reason.length > 0)
    }
  })
}

/** What every `Mounts` promises. `open` gives a reference to `bytes`, which are not empty. */
export function mountsTests(
  test: Test,
  open: () => Promise<{ mounts: Mounts; reference: Uint8Array; bytes: Uint8Array }>,
): void {
  test('a reference gives its bytes', async () => {
    const { mounts, reference, bytes } = await open()
    const read = await mounts.read(reference, bytes.length)
    assert(read.ok)
    assert.deepEqual([...read.bytes], [...bytes])
  })
  test('an input longer than asked for is refused, not cut', async () => {
    const { mounts, reference, bytes } = await open()
    assert(!(await mounts.read(reference, bytes.length - 1)).ok)
  })
  test('a reference that is nonsense is refused', async () => {
    const { mounts } = await open()
    assert(!(await mounts.read(new Uint8Array([1, 2, 3]), 1024)).ok)
    assert(!(await mounts.read(new Uint8Array(0), 1024)).ok)
  })
}

/** What every `Receipts` promises. `open` gives a receipt that it accepts. */
export function receiptsTests(
  test: Test,
  open: () => Promise<{ receipts: Receipts; receipt: Uint8Array }>,
): void {
  test('an accepted receipt yields a proof', async () => {
    const { receipts, receipt } = await open()
    const recorded = await receipts.record(receipt)
    assert(recorded.ok)
    assert(recorded.proof.length > 0)
  })
}
