import { DatabaseSync } from 'node:sqlite'
import { TrustError } from './errors.ts'

/** Most bytes of write-ahead log kept after a checkpoint. */
const LOG_SIZE_MAX = 4_194_304

/**
 * Opens a database that only this process uses, and that has every committed transaction on disk.
 *
 * @throws {TrustError} `store-in-use`, `store-damaged`, `store-unwritable`.
 */
export function openDatabase(file: string, schema: string): DatabaseSync {
  return guard(file, () => {
    const database = new DatabaseSync(file, { readBigInts: true })
    try {
      database.exec(`
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA journal_size_limit = ${LOG_SIZE_MAX};
        BEGIN IMMEDIATE;
        ${schema}
        COMMIT;
      `)
      const check = database.prepare('PRAGMA quick_check(1)').get()
      if (check?.['quick_check'] !== 'ok') throw damaged(file)
      return database
    } catch (error) {
      database.close()
      throw error
    }
  })
}

/**
 * Runs `act` on a database; SQLite's failures become errors that say what to do.
 *
 * @throws {TrustError} `store-in-use`, `store-damaged`, `store-unwritable`.
 */
export function guard<T>(file: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw translate(file, error)
  }
}

/** Runs `act` in one transaction. */
export function transact<T>(file: string, database: DatabaseSync, act: () => T): T {
  return guard(file, () => {
    database.exec('BEGIN IMMEDIATE')
    try {
      const result = act()
      database.exec('COMMIT')
      return result
    } catch (error) {
      // After some failures SQLite has rolled back by itself already.
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  })
}

/** The error for a store whose content is not what was written. */
export function damaged(file: string, cause?: unknown): TrustError {
  const advice = 'restore it from a backup, with its -wal file if there is one; nothing was changed'
  return new TrustError('store-damaged', `${file} is damaged: ${advice}`, { cause })
}

// Primary result codes: https://www.sqlite.org/rescode.html.
function translate(file: string, error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if ('code' in error && error.code === 'ERR_INVALID_STATE') {
    return new TrustError('closed', `${file} is closed`, { cause: error })
  }
  if (!('errcode' in error)) return error
  switch (Number(error.errcode) & 0xff) {
    case 5:
    case 6:
      return new TrustError(
        'store-in-use',
        `${file} is open elsewhere: close the other one first`,
        {
          cause: error,
        },
      )
    case 11:
    case 26:
      return damaged(file, error)
    case 8:
    case 10:
    case 13:
    case 14:
      return new TrustError(
        'store-unwritable',
        `${file} cannot be written: see that its folder exists, is this user's, and the disk has room`,
        { cause: error },
      )
    default:
      return error
  }
}
