/**
 * Detect, lend, meter and reclaim what a machine has.
 *
 * @packageDocumentation
 */
export {}
