import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateSigningKey } from '@hypermesh/crypto'
import {
  encodeChain,
  journalLedger,
  openAuthority,
  requestBytes,
  verifyChain,
} from '@hypermesh/trustchain'
import { memoryKeys } from '@hypermesh/trustchain/testing'

const ROUNDS = 9
const ISSUED_PER_ROUND = 40
const VERIFIED_PER_ROUND = 300

/**
 * Certificates per second of processor time, medians of nine rounds. The peer of `verifyChain` is Node's
 * X509Certificate on the same chain: parsing, names, both signatures, validity; our other rules it does not have.
 */
export async function run(print: (line: string) => void): Promise<Record<string, number>> {
  const directory = mkdtempSync(join(tmpdir(), 'trustchain-'))
  const clock = { now: () => BigInt(Date.now()) }
  const ledger = journalLedger({ file: join(directory, 'ledger.db') })
  const file = join(directory, 'authority.db')
  const authority = await openAuthority({ file, keys: memoryKeys(), ledger, clock, mesh: 'bench' })
  const issue = async (name: string): Promise<readonly Uint8Array[]> => {
    const key = generateSigningKey('ed25519')
    const proof = key.sign(requestBytes(name, key.publicKey))
    const issued = await authority.issue({ name, key: key.publicKey, proof })
    if (!issued.ok) throw new Error(issued.refusal.code)
    return issued.chain
  }
  const chain = await issue('first')
  const [root, now] = [authority.root, clock.now()]
  const ours = async (): Promise<void> => {
    const verdict = await verifyChain({ chain, anchors: [root], now, isRevoked: () => false })
    if (!verdict.ok) throw new Error('the chain does not verify')
  }
  const peer = new X509Certificate(root)
  const peerKey = peer.publicKey
  const theirs = (): void => {
    const [leaf, intermediate] = chain.map((der) => new X509Certificate(der))
    const isGood =
      leaf &&
      intermediate &&
      leaf.checkIssued(intermediate) &&
      intermediate.checkIssued(peer) &&
      leaf.verify(intermediate.publicKey) &&
      intermediate.verify(peerKey) &&
      [leaf, intermediate].every(({ validToDate }) => BigInt(validToDate.getTime()) > now)
    if (!isGood) throw new Error('the chain does not verify')
  }

  const rounds = { issue: [] as number[], verifyChain: [] as number[], node: [] as number[] }
  let issued = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    rounds.issue.push(
      await perSecond(ISSUED_PER_ROUND, async () => {
        issued += 1
        await issue(`node-${issued}`)
      }),
    )
    rounds.verifyChain.push(await perSecond(VERIFIED_PER_ROUND, ours))
    rounds.node.push(await perSecond(VERIFIED_PER_ROUND, async () => theirs()))
  }
  await authority[Symbol.asyncDispose]()
  await ledger[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true })

  const figures = {
    issuePerCpuSecond: median(rounds.issue),
    verifyChainPerCpuSecond: median(rounds.verifyChain),
    nodeX509PerCpuSecond: median(rounds.node),
    chainBytes: encodeChain(chain).length,
  }
  for (const [name, value] of Object.entries(figures)) {
    print(`${name.padEnd(28)} ${Math.round(value).toLocaleString('en')}`)
  }
  return figures
}

/** Both user and system time count, of all threads of this process. */
async function perSecond(times: number, act: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  for (let time = 0; time < times; time += 1) await act()
  const { user, system } = process.cpuUsage(before)
  return times / ((user + system) / 1e6)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}
