/**
 * Sign, agree and seal with classical and post-quantum keys.
 *
 * @packageDocumentation
 */
export {}
