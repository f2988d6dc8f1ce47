/**
 * Command a node and its mesh from the terminal.
 *
 * @packageDocumentation
 */
export {}
