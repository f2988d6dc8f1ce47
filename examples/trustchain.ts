import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateSigningKey } from '@hypermesh/crypto'
import {
  decodeChain,
  encodeChain,
  fileKeys,
  journalLedger,
  openAuthority,
  requestBytes,
  verifyChain,
} from '@hypermesh/trustchain'

const directory = mkdtempSync(join(tmpdir(), 'trustchain-'))
const clock = { now: () => BigInt(Date.now()) }
const ledger = journalLedger({ file: join(directory, 'ledger.db') })
const keys = fileKeys({ directory: join(directory, 'keys'), passphrase: 'a long one' })
const file = join(directory, 'authority.db')
const authority = await openAuthority({ file, keys, ledger, clock, mesh: 'flights' })

// A node asks with its transport key, and shows the answer to its peers.
const node = generateSigningKey('ed25519')
const proof = node.sign(requestBytes('node-1', node.publicKey))
const issued = await authority.issue({ name: 'node-1', key: node.publicKey, proof })
if (!issued.ok) throw new Error(issued.refusal.code)
const shown = decodeChain(encodeChain(issued.chain))

// A peer trusts the root and nothing else.
const peer = { anchors: [authority.root], isRevoked: authority.isRevoked.bind(authority) }
const question = { ...peer, chain: shown.ok ? shown.chain : [], now: clock.now() }
const before = await verifyChain(question)
if (before.ok) console.log(`${before.name} is trusted`)
await authority.revoke(issued.serial, 'key-compromise')
const after = await verifyChain(question)
if (!after.ok) console.log(`not any more: ${after.reasons.map(({ code }) => code).join()}`)
await authority[Symbol.asyncDispose]()
await ledger[Symbol.asyncDispose]()
rmSync(directory, { recursive: true })
