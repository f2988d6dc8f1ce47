import { describe, test } from 'vitest'

import { generateSigningKey } from '@hypermesh/crypto'
import { pinnedKeys, quicCarrier } from '@hypermesh/stoq'
import { authenticatorTests, endpointTests, simulatedNetwork } from '@hypermesh/stoq/testing'

describe.concurrent('over QUIC', () => endpointTests(test, quicCarrier))

describe('over a simulated network', () => endpointTests(test, simulatedNetwork()))

describe('pinned keys', () =>
  authenticatorTests(test, async () => {
    const [admitted, refused] = [1, 2].map(() => ({
      key: generateSigningKey('ed25519').publicKey,
      credential: new Uint8Array(0),
    }))
    const authenticator = pinnedKeys([admitted!.key])
    return { authenticator, admitted: admitted!, refused: refused!, byCredential: false }
  }))
