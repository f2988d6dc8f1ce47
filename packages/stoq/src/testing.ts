/**
 * A simulated carrier, and what every carrier and every `PeerAuthenticator` promises.
 *
 * @packageDocumentation
 */
export { authenticatorTests } from './testing/authenticators.ts'
export { endpointTests } from './testing/endpoints.ts'
export { simulatedNetwork } from './testing/network.ts'
export type { Runner } from './testing/runner.ts'
