import type { SQLOutputValue } from 'node:sqlite'
import { equal, field, record, sha256 } from '@hypermesh/crypto'
import { damaged, guard, openDatabase } from '../sqlite.ts'
import type { IssuanceLedger } from './ledger.ts'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ledger (
    position INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,
    digest BLOB NOT NULL UNIQUE,
    link BLOB NOT NULL
  ) STRICT;
`

/** What the proof of an entry says: its place, its hash, and the hash of the link before. */
const linkCodec = record('hypermesh/journal-link', 1, 256, {
  position: field.uint(),
  entry: field.bytes({ length: 32 }),
  before: field.bytes({ length: 32 }),
})

/** What stands before the first link. */
const ORIGIN = new Uint8Array(0)

/** A ledger of one machine: what a mesh begins with, before there is anyone to agree with. */
export interface JournalLedger extends IssuanceLedger, AsyncDisposable {
  /** Every entry in order. */
  entries(): Iterable<Uint8Array>
}

/**
 * Keeps entries in a SQLite file of its own, each on disk before `append` resolves. They are chained by hashes, so
 * the proof of an entry commits to it and to all before it; nobody but this machine vouches for the order.
 *
 * @throws {TrustError} `store-in-use`, `store-damaged`, `store-unwritable`; `append` rejects with them as well.
 */
export function journalLedger({ file }: { readonly file: string }): JournalLedger {
  const database = openDatabase(file, SCHEMA)
  const known = database.prepare('SELECT * FROM ledger WHERE digest = ?')
  const insert = database.prepare('INSERT INTO ledger VALUES (?, ?, ?, ?)')
  const rows = (): Iterable<Record<string, SQLOutputValue>> =>
    database.prepare('SELECT * FROM ledger ORDER BY position').iterate()

  let next = 0n
  let last: Uint8Array = ORIGIN
  const link = (digest: Uint8Array): Uint8Array =>
    linkCodec.encode({ position: next, entry: digest, before: sha256(last) })
  const follow = (proof: Uint8Array): void => {
    next += 1n
    last = proof
  }

  guard(file, () => {
    for (const { entry, digest, link: proof } of rows()) {
      const isWhole =
        entry instanceof Uint8Array &&
        digest instanceof Uint8Array &&
        proof instanceof Uint8Array &&
        equal(digest, sha256(entry)) &&
        equal(proof, link(digest))
      if (!isWhole) {
        database.close()
        throw damaged(file)
      }
      follow(proof)
    }
  })

  return {
    append: async (entry) =>
      guard(file, () => {
        const digest = sha256(entry)
        const found = known.get(digest)
        if (found && typeof found['position'] === 'bigint' && found['link'] instanceof Uint8Array) {
          return { position: found['position'], proof: found['link'] }
        }
        const position = next
        const proof = link(digest)
        insert.run(position, entry, digest, proof)
        follow(proof)
        return { position, proof }
      }),
    *entries() {
      for (const { entry } of rows()) if (entry instanceof Uint8Array) yield entry
    },
    [Symbol.asyncDispose]: async () => {
      if (database.isOpen) database.close()
    },
  }
}
