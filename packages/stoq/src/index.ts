/**
 * Carry authenticated streams between nodes over QUIC.
 *
 * @packageDocumentation
 */
export {}
