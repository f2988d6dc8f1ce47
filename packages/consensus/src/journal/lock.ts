import { DatabaseSync } from 'node:sqlite'

import { ConsensusError } from '../errors.ts'

/** SQLite's code for a lock that another holds. */
const SQLITE_BUSY = 5

/**
 * Holds `file` against every other process, and against this one. It is SQLite's exclusive lock: the kernel drops it
 * when the process ends in any way, and it holds between containers that share the file, where process numbers do
 * not. The file stays behind, empty: removing it would let two processes lock two files of one name.
 *
 * @returns What lets go.
 * @throws {ConsensusError} `journal-locked`.
 */
export function lock(file: string): () => void {
  const database = new DatabaseSync(file)
  try {
    database.exec('PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (!isBusy(error)) throw error
    throw new ConsensusError('journal-locked', `${file} is held: another process has it open`, {
      cause: error,
    })
  }
  return () => {
    database.close()
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}
