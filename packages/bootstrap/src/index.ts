/**
 * Wire the packages into a node, phase by phase.
 *
 * @packageDocumentation
 */
export {}
