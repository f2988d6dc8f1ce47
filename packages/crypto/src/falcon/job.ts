/** What the thread is asked. Keys and messages are copied to it; it keeps none. */
export type Job =
  | { readonly type: 'generate' }
  | { readonly type: 'publish'; readonly secret: Uint8Array }
  | { readonly type: 'sign'; readonly secret: Uint8Array; readonly message: Uint8Array }
  | {
      readonly type: 'verify'
      readonly publicKey: Uint8Array
      readonly message: Uint8Array
      readonly signature: Uint8Array
    }

/** What each job yields. */
export interface Yield {
  readonly generate: { readonly secret: Uint8Array; readonly publicKey: Uint8Array }
  readonly publish: { readonly publicKey: Uint8Array }
  readonly sign: { readonly signature: Uint8Array }
  readonly verify: { readonly valid: boolean }
}

/** A job on its way to the thread. */
export interface Asked {
  readonly id: number
  readonly job: Job
}

/** Its answer. A failed job says nothing about why: the reason could quote the key. */
export type Answered =
  | { readonly id: number; readonly ok: true; readonly result: Yield[keyof Yield] }
  | { readonly id: number; readonly ok: false }
