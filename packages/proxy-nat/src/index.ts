/**
 * Give every resource a global address, and carry reads, writes and traffic to it.
 *
 * @packageDocumentation
 */
export {}
