/** Orders the operations of owners among those who do not trust each other. */
export interface AssetLedger {
  /**
   * Orders one signed operation; resolves when its place is final.
   *
   * @param operation - Bytes of `signAssetOperation`.
   * @returns The proof of its place, for whoever must believe it; or why the ledger does not take it.
   */
  record(
    operation: Uint8Array,
  ): Promise<
    | { readonly ok: true; readonly proof: Uint8Array }
    | { readonly ok: false; readonly reason: string }
  >
}

/** Judges consensus proofs. */
export interface ProofVerifier {
  /** @param subject - The id of the asset that the proof must be about, 32 bytes. */
  verify(
    proof: Uint8Array,
    subject: Uint8Array,
  ): Promise<{ readonly ok: true } | { readonly ok: false; readonly reason: string }>
}

/** The mesh's time, and being woken by it. */
export interface AssetClock {
  /** Milliseconds; never goes back. */
  now(): bigint
  /** Runs once the time has come; what it returns calls that off. */
  wake(at: bigint, run: () => void): () => void
}
