/** What declares a test: the `test` of `node:test` or vitest is one. */
export type Runner = (name: string, run: () => Promise<void>) => void
