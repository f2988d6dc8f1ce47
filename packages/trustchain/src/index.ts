/**
 * Issue, log, revoke and verify the certificates nodes trust, and resolve the names they certify.
 *
 * @packageDocumentation
 */
export {}
