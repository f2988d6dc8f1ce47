/**
 * Run code from the catalog in a sandbox on leased assets.
 *
 * @packageDocumentation
 */
export {}
