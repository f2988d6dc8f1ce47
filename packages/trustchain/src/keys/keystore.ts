/**
 * Keeps an authority's secrets by name. `save` resolves when the secret is durable; `load` gives what was last
 * saved, or `undefined` when nothing ever was. A store that has lost or cannot open a secret rejects: it never
 * says `undefined` for it.
 */
export interface KeyStore {
  load(name: string): Promise<Uint8Array | undefined>
  save(name: string, secret: Uint8Array): Promise<void>
}
