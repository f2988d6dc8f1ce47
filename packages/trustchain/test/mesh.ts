import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateSigningKey } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import { openAuthority, requestBytes, verifyChain } from '@hypermesh/trustchain'
import type {
  Authority,
  AuthorityOptions,
  ChainVerdict,
  IssuanceLedger,
  IssueRequest,
  KeyStore,
} from '@hypermesh/trustchain'
import { memoryKeys, memoryLedger } from '@hypermesh/trustchain/testing'
import type { MemoryLedger } from '@hypermesh/trustchain/testing'

export const START = 1_800_000_000_000n
export const DAY = 86_400_000n

/** A folder that is gone after the test. */
export function folder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'trustchain-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/** What an authority needs, kept over its restarts. */
export interface Ground extends Disposable {
  path: string
  file: string
  keys: KeyStore
  ledger: MemoryLedger
  clock: { now(): bigint; at: bigint }
  open(changes?: Partial<AuthorityOptions>): Promise<Authority>
}

export function ground(): Ground {
  const { path, ...rest } = folder()
  const clock = { at: START, now: () => clock.at }
  const made = {
    ...rest,
    path,
    file: join(path, 'authority.db'),
    keys: memoryKeys(),
    ledger: memoryLedger(),
    clock,
    open: (changes: Partial<AuthorityOptions> = {}) => {
      const { file, keys, ledger } = made
      return openAuthority({ file, keys, ledger, clock, mesh: 'flights', ...changes })
    },
  }
  return made
}

export function request(
  name: string,
  key: SigningKey = generateSigningKey('ed25519'),
): IssueRequest {
  return { name, key: key.publicKey, proof: key.sign(requestBytes(name, key.publicKey)) }
}

/** Issues and expects it to succeed. */
export async function certify(
  authority: Authority,
  name: string,
  key?: SigningKey,
): Promise<{ chain: readonly Uint8Array[]; serial: string }> {
  const issued = await authority.issue(request(name, key))
  if (!issued.ok) throw new Error(`not issued: ${issued.refusal.code}`)
  return issued
}

export function verify(
  chain: readonly Uint8Array[],
  authority: Pick<Authority, 'root' | 'isRevoked'>,
  now: bigint = START,
): Promise<ChainVerdict> {
  const isRevoked = (serial: string, issuer: Uint8Array) => authority.isRevoked(serial, issuer)
  return verifyChain({ chain, anchors: [authority.root], now, isRevoked })
}

/** A ledger whose appends wait until they are let go. */
export function heldLedger(inner: IssuanceLedger): IssuanceLedger & { release(): void } {
  let release: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  return {
    release: () => release(),
    append: async (entry) => {
      await gate
      return inner.append(entry)
    },
  }
}
