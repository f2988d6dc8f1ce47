import { signAssetOperation } from '@hypermesh/assets'
import {
  assetLedgerTests,
  proofVerifierTests,
  simulatedClock,
  simulatedLedger,
  simulatedProofs,
} from '@hypermesh/assets/testing'
import { generateSigningKey } from '@hypermesh/crypto'
import { describe, expect, test } from 'vitest'

const key = generateSigningKey('ed25519')
const id = new Uint8Array(32).fill(1)

describe('the simulated ledger', () => {
  assetLedgerTests(test, () => {
    const release = {
      type: 'release',
      id,
      owner: key.publicKey,
      cause: 'released',
      at: 1n,
    } as const
    return Promise.resolve({
      ledger: simulatedLedger(),
      operation: signAssetOperation(key, release),
    })
  })
})

describe('the simulated verifier', () => {
  proofVerifierTests(test, () => {
    const verifier = simulatedProofs()
    return Promise.resolve({ verifier, proof: verifier.prove(id), subject: id })
  })
})

describe('the simulated clock', () => {
  test('wakes in order of time, each at its own time, and not what was called off', () => {
    const clock = simulatedClock()
    const woken: [string, bigint][] = []
    clock.wake(20n, () => woken.push(['b', clock.now()]))
    clock.wake(10n, () => woken.push(['a', clock.now()]))
    const cancel = clock.wake(15n, () => woken.push(['never', clock.now()]))
    cancel()
    clock.advance(19n)
    expect(woken).toEqual([['a', 10n]])
    clock.advance(1n)
    expect(woken).toEqual([
      ['a', 10n],
      ['b', 20n],
    ])
  })
})
