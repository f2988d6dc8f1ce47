/** An authority that is killed in the middle: run by crash.test.ts with a folder and the place to die. */
import { join } from 'node:path'
import { signingKeyFromSeed } from '@hypermesh/crypto'
import { TrustError, fileKeys, journalLedger, openAuthority } from '@hypermesh/trustchain'
import type { IssuanceLedger, KeyStore } from '@hypermesh/trustchain'
import { START, certify } from './mesh.ts'

const [path = '', where = ''] = process.argv.slice(2)
const die = (): void => {
  process.kill(process.pid, 'SIGKILL')
}

const journal = journalLedger({ file: join(path, 'ledger.db') })
let appended = 0
const ledger: IssuanceLedger = {
  append: async (entry) => {
    appended += 1
    // The authority's own entry and node-1 come before the one that dies.
    if (where === 'before-ledger' && appended === 3) die()
    const place = await journal.append(entry)
    if (where === 'after-ledger' && appended === 3) die()
    return place
  },
}

const cost = { memoryKib: 8_192, passes: 1, lanes: 1 }
const files = fileKeys({ directory: join(path, 'keys'), passphrase: 'p', cost })
const keys: KeyStore = {
  load: (name) => files.load(name),
  save: async (name, secret) => {
    // The mark of a founding is saved after its store.
    if (where === 'after-store' && name.endsWith('-founded')) die()
    await files.save(name, secret)
  },
}

const authority = await openAuthority({
  file: join(path, 'authority.db'),
  keys,
  ledger,
  clock: { now: () => START },
  mesh: 'flights',
})

const key = (at: number) => signingKeyFromSeed('ed25519', new Uint8Array(32).fill(at))
if (where === 'full') {
  let count = 0
  try {
    for (; count < 100; count += 1) await certify(authority, `node-${count}`, key(count))
    process.stdout.write('none 100\n')
  } catch (error) {
    process.stdout.write(`${error instanceof TrustError ? error.code : String(error)} ${count}\n`)
  }
} else {
  await certify(authority, 'node-1', key(1))
  await certify(authority, 'node-2', key(2))
}
