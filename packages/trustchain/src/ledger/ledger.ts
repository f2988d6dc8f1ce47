/**
 * Puts entries into an agreed order. A certificate exists only after its entry has a place here.
 *
 * `append` resolves when the entry is as durable as the ledger makes it, and may be repeated: the same bytes
 * have one place, so whoever crashed before hearing the answer asks again. It rejects when the entry has no
 * place yet, or none that it knows of.
 */
export interface IssuanceLedger {
  append(entry: Uint8Array): Promise<{ readonly position: bigint; readonly proof: Uint8Array }>
}
