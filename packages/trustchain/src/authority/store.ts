import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import { equal, sha256 } from '@hypermesh/crypto'
import { damaged, guard, openDatabase, transact } from '../sqlite.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS journal (
    n INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,
    digest BLOB NOT NULL,
    tbs BLOB,
    der BLOB,
    void INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS place (
    ledger INTEGER NOT NULL,
    n INTEGER NOT NULL REFERENCES journal (n),
    position INTEGER NOT NULL,
    proof BLOB NOT NULL,
    PRIMARY KEY (ledger, n)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS current (one INTEGER PRIMARY KEY CHECK (one = 1), ledger INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO current VALUES (1, 1);
`

/** Where a ledger put an entry. */
export interface Place {
  readonly position: bigint
  readonly proof: Uint8Array
}

/** One line of the journal: what was, or is to be, on the ledger. */
export interface Line {
  readonly n: bigint
  readonly entry: Uint8Array
  /** The signed part of the certificate to come, until there is one. */
  readonly tbs: Uint8Array | undefined
  readonly der: Uint8Array | undefined
  /** No certificate comes of this intent any more. */
  readonly isVoid: boolean
  /** Where the ledger in use has it; `undefined` while that is not known. */
  readonly place: Place | undefined
}

/**
 * The authority's journal in SQLite. Each method is one transaction that is on disk when it returns.
 *
 * The current ledger has a number; a replay into the next one writes places under the next number and becomes
 * current in one transaction, so a crash in the middle leaves the old ledger in use.
 */
export class Store {
  readonly #file: string
  readonly #database: DatabaseSync

  /** @throws {TrustError} `store-in-use`, `store-damaged`, `store-unwritable`, here and in every method. */
  constructor(file: string) {
    this.#file = file
    this.#database = openDatabase(file, SCHEMA)
  }

  /** Every line in order, a page at a time: a journal may be larger than memory. */
  *lines(): Generator<Line> {
    let after = 0n
    for (;;) {
      const page = this.#select('journal.n > ? ORDER BY journal.n LIMIT 64', after)
      const last = page.at(-1)
      if (!last) return
      yield* page
      after = last.n
    }
  }

  /** One line by its number. */
  line(n: bigint): Line {
    const [line] = this.#select('journal.n = ?', n)
    if (line) return line
    throw damaged(this.#file)
  }

  /** Writes an intent down before anyone hears of it. */
  intend(entry: Uint8Array, tbs?: Uint8Array): Line {
    return guard(this.#file, () => {
      const { lastInsertRowid } = this.#database
        .prepare('INSERT INTO journal (entry, digest, tbs) VALUES (?, ?, ?)')
        .run(entry, sha256(entry), tbs ?? null)
      const n = BigInt(lastInsertRowid)
      return { n, entry, tbs, der: undefined, isVoid: false, place: undefined }
    })
  }

  /** The intent has its place on the ledger in use, and the certificate that follows from it. */
  complete(n: bigint, place: Place, der: Uint8Array | undefined): void {
    transact(this.#file, this.#database, () => {
      this.#place('(SELECT ledger FROM current)', n, place)
      this.#keep(n, der)
    })
  }

  markVoid(n: bigint): void {
    guard(this.#file, () => {
      this.#database.prepare('UPDATE journal SET void = 1, tbs = NULL WHERE n = ?').run(n)
    })
  }

  /** Begins a replay, forgetting one that never ended. */
  beginReplay(): void {
    guard(this.#file, () => {
      this.#database.exec('DELETE FROM place WHERE ledger <> (SELECT ledger FROM current)')
    })
  }

  /** The entry has a place on the next ledger. */
  replayed(n: bigint, place: Place): void {
    guard(this.#file, () => this.#place('(SELECT ledger + 1 FROM current)', n, place))
  }

  /** The next ledger is the one in use from here on. */
  endReplay(): void {
    transact(this.#file, this.#database, () => {
      this.#database.exec('UPDATE current SET ledger = ledger + 1')
      this.#database.exec('DELETE FROM place WHERE ledger < (SELECT ledger FROM current)')
    })
  }

  /** The certificate of an intent that a replay has placed. */
  keep(n: bigint, der: Uint8Array): void {
    guard(this.#file, () => this.#keep(n, der))
  }

  close(): void {
    if (this.#database.isOpen) guard(this.#file, () => this.#database.close())
  }

  #select(where: string, n: bigint): Line[] {
    return guard(this.#file, () => {
      const rows = this.#database
        .prepare(
          `SELECT journal.*, place.position, place.proof FROM journal
           LEFT JOIN place ON place.n = journal.n AND place.ledger = (SELECT ledger FROM current)
           WHERE ${where}`,
        )
        .all(n)
      return rows.map((row) => this.#read(row))
    })
  }

  #read(row: Record<string, SQLOutputValue>): Line {
    const [n, position] = [row['n'], row['position']]
    const [entry, digest, proof] = [blob(row['entry']), blob(row['digest']), blob(row['proof'])]
    // SQLite notices a broken page, not a changed byte in a value.
    const isWhole = entry && digest && typeof n === 'bigint' && equal(digest, sha256(entry))
    if (!isWhole) throw damaged(this.#file)
    return {
      n,
      entry,
      tbs: blob(row['tbs']),
      der: blob(row['der']),
      isVoid: row['void'] !== 0n,
      place: proof && typeof position === 'bigint' ? { position, proof } : undefined,
    }
  }

  #keep(n: bigint, der: Uint8Array | undefined): void {
    if (!der) return
    this.#database.prepare('UPDATE journal SET der = ?, tbs = NULL WHERE n = ?').run(der, n)
  }

  #place(ledger: string, n: bigint, { position, proof }: Place): void {
    this.#database
      .prepare(`INSERT OR REPLACE INTO place VALUES (${ledger}, ?, ?, ?)`)
      .run(n, position, proof)
  }
}

function blob(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined
}
