/** Longest record of a journal, in bytes. */
export const RECORD_SIZE_MAX: number = 8 * 1024 * 1024

/** Where a node keeps what it must not forget. Records are only ever appended. */
export interface Storage {
  /** Every record with its position, oldest first. Read once, before the first append. */
  read(): AsyncIterable<{ readonly position: number; readonly record: Uint8Array }>
  /**
   * Resolves when the records would survive a loss of power; they are kept in their order, and all or none.
   *
   * @returns Their positions.
   * @throws When they may not be kept: the node stops then, for it could contradict itself later.
   */
  append(records: readonly Uint8Array[]): Promise<readonly number[]>
  /** The record at a position that {@link append} or {@link read} gave. */
  load(position: number): Promise<Uint8Array>
}
