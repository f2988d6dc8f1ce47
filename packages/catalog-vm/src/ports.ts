/** Where a lease is looked up and entered. */
export interface Leases {
  /**
   * @param lease - The id of a lease.
   * @returns What the lease allows until `until` (milliseconds), and the consensus proof that ordered it.
   */
  enter(lease: Uint8Array): Promise<
    | {
        readonly ok: true
        readonly limits: LeaseLimits
        readonly proof: Uint8Array
      }
    | { readonly ok: false; readonly reason: string }
  >
}

export interface LeaseLimits {
  readonly memoryBytes: number
  readonly cpuCores: number
  readonly until: bigint
}

/** Whether a consensus proof holds for what it is said to be about. */
export interface ProofVerifier {
  verify(
    proof: Uint8Array,
    subject: Uint8Array,
  ): Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>
}

/** Reads a job's input from wherever in the mesh it lies. */
export interface Mounts {
  /**
   * @param reference - Opaque here: a capability and a pointer.
   * @param sizeMax - Bytes; a longer input is refused, not cut.
   */
  read(
    reference: Uint8Array,
    sizeMax: number,
  ): Promise<
    | { readonly ok: true; readonly bytes: Uint8Array }
    | { readonly ok: false; readonly reason: string }
  >
}

/** Orders a receipt; a job without an ordered receipt has no result. */
export interface Receipts {
  record(
    receipt: Uint8Array,
  ): Promise<
    | { readonly ok: true; readonly proof: Uint8Array }
    | { readonly ok: false; readonly reason: string }
  >
}

/** Milliseconds since the epoch of the mesh. */
export interface Clock {
  now(): bigint
}
