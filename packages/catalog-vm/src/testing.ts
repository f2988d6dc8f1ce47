/**
 * Simulated ports, and what every port and every engine promises.
 *
 * @packageDocumentation
 */
export { engineTests } from './testing/engines.ts'
export {
  simulatedClock,
  simulatedLeases,
  simulatedMounts,
  simulatedProof,
  simulatedProofs,
  simulatedReceipts,
} from './testing/ports.ts'
export type { SimulatedLeases, SimulatedMounts, SimulatedReceipts } from './testing/ports.ts'
export { leasesTests, mountsTests, proofVerifierTests, receiptsTests } from './testing/suites.ts'
export type { Test } from './testing/suites.ts'
