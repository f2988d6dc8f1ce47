/**
 * Order operations among nodes that may lie, and prove where, who, what and when.
 *
 * @packageDocumentation
 */
export {}
