import { concat, equal, sha256, toHex } from '@hypermesh/crypto'
import type { Clock, LeaseLimits, Leases, Mounts, ProofVerifier, Receipts } from '../ports.ts'

const PROOF_TAG: Uint8Array = new TextEncoder().encode('simulated proof of ')

/** The proof that {@link simulatedProofs} takes for a subject, and no other. */
export function simulatedProof(subject: Uint8Array): Uint8Array {
  return sha256(PROOF_TAG, subject)
}

export interface SimulatedLeases extends Leases {
  /** @param proof - Default: the one that {@link simulatedProofs} accepts. */
  grant(lease: Uint8Array, limits: LeaseLimits, proof?: Uint8Array): void
}

/** Leases in memory. What was not granted is refused. */
export function simulatedLeases(): SimulatedLeases {
  const granted = new Map<string, { limits: LeaseLimits; proof: Uint8Array }>()
  return {
    grant: (lease, limits, proof = simulatedProof(lease)) => {
      granted.set(toHex(lease), { limits, proof })
    },
    enter: async (lease) => {
      const found = granted.get(toHex(lease))
      return found === undefined ? { ok: false, reason: 'no such lease' } : { ok: true, ...found }
    },
  }
}

/** Accepts what {@link simulatedProof} makes. */
export function simulatedProofs(): ProofVerifier {
  return {
    verify: async (proof, subject) =>
      equal(proof, simulatedProof(subject))
        ? { ok: true }
        : { ok: false, reason: 'the proof is not for this subject' },
  }
}

export interface SimulatedMounts extends Mounts {
  /** @returns The reference to read it by. */
  put(bytes: Uint8Array): Uint8Array
}

/** Inputs in memory, by their hash. */
export function simulatedMounts(): SimulatedMounts {
  const stored = new Map<string, Uint8Array>()
  return {
    put: (bytes) => {
      const reference = sha256(bytes)
      stored.set(toHex(reference), bytes)
      return reference
    },
    read: async (reference, sizeMax) => {
      const bytes = stored.get(toHex(reference))
      if (bytes === undefined) return { ok: false, reason: 'nothing is mounted there' }
      return bytes.length > sizeMax
        ? { ok: false, reason: `${bytes.length} bytes of at most ${sizeMax}` }
        : { ok: true, bytes }
    },
  }
}

export interface SimulatedReceipts extends Receipts {
  readonly recorded: readonly Uint8Array[]
}

/** Receipts in memory, in their order. */
export function simulatedReceipts(): SimulatedReceipts {
  const recorded: Uint8Array[] = []
  return {
    recorded,
    record: async (receipt) => {
      recorded.push(receipt)
      return { ok: true, proof: sha256(concat(PROOF_TAG, receipt)) }
    },
  }
}

/** A clock that moves only when told to. */
export function simulatedClock(start = 0n): Clock & { advance(ms: bigint): void } {
  let now = start
  return {
    now: () => now,
    advance: (ms) => {
      now += ms
    },
  }
}
