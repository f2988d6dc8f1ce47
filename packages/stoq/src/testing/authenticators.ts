import assert from 'node:assert/strict'

import type { PeerAuthenticator } from '../authenticator.ts'
import { CREDENTIAL_SIZE_MAX } from '../limits.ts'
import type { Runner } from './runner.ts'

/** A peer to be judged. */
interface Shown {
  readonly key: Uint8Array
  readonly credential: Uint8Array
}

/**
 * What every `PeerAuthenticator` promises.
 *
 * @param create - The authenticator, one peer it admits and one it refuses. Where its judgement rests on the credential
 * and not on the key alone, `byCredential` is true.
 */
export function authenticatorTests(
  test: Runner,
  create: () => Promise<{
    readonly authenticator: PeerAuthenticator
    readonly admitted: Shown
    readonly refused: Shown
    readonly byCredential: boolean
  }>,
): void {
  test('what it shows fits in a hello', async () => {
    const { authenticator } = await create()
    assert.ok(authenticator.credential().length <= CREDENTIAL_SIZE_MAX)
  })

  test('it admits a peer under a name, and under the same name again', async () => {
    const { authenticator, admitted } = await create()
    const first = await authenticator.authenticate(admitted)
    assert.ok(first.ok)
    assert.notEqual(first.name, '')
    assert.deepEqual(await authenticator.authenticate(admitted), first)
  })

  test('it refuses a peer with a reason', async () => {
    const { authenticator, refused } = await create()
    const admission = await authenticator.authenticate(refused)
    assert.ok(!admission.ok)
    assert.notEqual(admission.reason, '')
  })

  test('another key with the credential of an admitted peer is refused', async () => {
    const { authenticator, admitted, refused } = await create()
    const { credential } = admitted
    assert.ok(!(await authenticator.authenticate({ key: refused.key, credential })).ok)
  })

  test('a credential of any bytes is judged and not choked on', async () => {
    const { authenticator, admitted, byCredential } = await create()
    const { key, credential } = admitted
    const flipped = credential.map((byte, index) =>
      index === credential.length >> 1 ? ~byte : byte,
    )
    const shown = [
      new Uint8Array(0),
      new Uint8Array(CREDENTIAL_SIZE_MAX),
      credential.slice(1),
      flipped,
    ]
    for (const bytes of shown) {
      const admission = await authenticator.authenticate({ key, credential: bytes })
      assert.equal(admission.ok, !byCredential)
    }
  })
}
