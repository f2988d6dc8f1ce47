import { setTimeout } from 'node:timers/promises'

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { concat, generateSigningKey, toHex } from '@hypermesh/crypto'
import type { SigningKey } from '@hypermesh/crypto'
import {
  createEndpoint,
  decodeFrame,
  defaultLimits,
  encodeFrame,
  frameType,
  helloCodec,
  pinnedKeys,
  quicCarrier,
  refusalCodec,
} from '@hypermesh/stoq'
import type { Carrier, Endpoint, Frame, Lane, Limits, OpenCarrier, Wire } from '@hypermesh/stoq'
import { simulatedNetwork } from '@hypermesh/stoq/testing'

const text = new TextEncoder()
const open = encodeFrame(frameType.open, text.encode('test/count'))

/** An endpoint, and a peer that it admits by its key and that speaks as the test makes it. */
class Scene implements AsyncDisposable {
  runs = 0
  /** The binding ends a lane that nobody holds any more. */
  readonly held: unknown[] = []
  readonly endpoint: Endpoint
  readonly raw: Carrier
  readonly key: SigningKey

  constructor(endpoint: Endpoint, raw: Carrier, key: SigningKey) {
    this.endpoint = endpoint
    this.raw = raw
    this.key = key
    endpoint.handle('test/count', () => void this.runs++)
  }

  dial(): Promise<Wire> {
    const { host, port } = this.endpoint.address
    return this.raw.dial(host, port, new AbortController().signal)
  }

  hello(changes: { from?: Uint8Array; to?: Uint8Array; instance?: Uint8Array } = {}): Uint8Array {
    const keys = { from: this.key.publicKey, to: this.endpoint.address.key }
    const rest = { instance: new Uint8Array(16), credential: new Uint8Array(0) }
    return encodeFrame(frameType.hello, helloCodec.encode({ ...keys, ...rest, ...changes }))
  }

  /** A wire past its hello, and the lane that controls it. */
  async admitted(): Promise<{ readonly wire: Wire; readonly control: Lane }> {
    const wire = await this.dial()
    const control = await wire.open()
    this.held.push(control)
    await control.write(this.hello())
    await frames(control, 2)
    await control.write(encodeFrame(frameType.admit))
    await until(() => this.endpoint.peers().length === 1)
    return { wire, control }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.endpoint[Symbol.asyncDispose](), this.raw.close()])
  }
}

async function scene(carrier: OpenCarrier, limits: Partial<Limits> = {}): Promise<Scene> {
  // The endpoint has the smaller key: of two connections, the one it dialled stays.
  const [one, other] = [generateSigningKey('ed25519'), generateSigningKey('ed25519')]
  const isFirst = toHex(one.publicKey) < toHex(other.publicKey)
  const [own, key] = isFirst ? [one, other] : [other, one]
  const authenticator = pinnedKeys([key.publicKey])
  const endpoint = await createEndpoint({ key: own, authenticator, carrier, limits })
  return new Scene(
    endpoint,
    await carrier({ key, host: '::1', port: 0, limits: defaultLimits }),
    key,
  )
}

async function frames(lane: Lane, count: number): Promise<readonly Frame[]> {
  const found: Frame[] = []
  let bytes = new Uint8Array(0)
  while (found.length < count) {
    const decoded = decodeFrame(bytes)
    if (decoded.ok) {
      found.push(decoded.frame)
      bytes = bytes.slice(decoded.size)
      continue
    }
    const chunk = await lane.read(65_536)
    if (chunk === null) throw new Error(`the lane ended after ${found.length} frames`)
    bytes = new Uint8Array(concat(bytes, chunk))
  }
  return found
}

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; !holds(); round++) {
    if (round > 600) throw new Error('waited in vain')
    await setTimeout(5)
  }
}

async function cutOff(wire: Wire): Promise<void> {
  expect(await Promise.race([wire.closed.then(() => 'cut'), setTimeout(3_000, 'open')])).toBe('cut')
}

describe.concurrent.each([
  { over: 'QUIC', carrier: quicCarrier, crowds: 1 },
  { over: 'a simulated network', carrier: simulatedNetwork(), crowds: 10 },
])('over $over', ({ carrier, crowds }) => {
  test('a peer that opens a protocol in place of a hello gets nothing', async () => {
    await using at = await scene(carrier)
    const wire = await at.dial()
    const lane = await wire.open()
    await lane.write(open)
    await cutOff(wire)
    expect(at.runs).toBe(0)
    expect(at.endpoint.counts()).toMatchObject({ admitted: 0, malformed: 1 })
  })

  test('a peer that opens a protocol beside an unfinished hello gets nothing', async () => {
    await using at = await scene(carrier)
    const wire = await at.dial()
    const [first, second] = [await wire.open(), await wire.open()]
    await first.write(at.hello().subarray(0, 40))
    await setTimeout(30)
    second.write(open).catch(() => undefined)
    await cutOff(wire)
    expect(at.runs).toBe(0)
    expect(at.endpoint.counts()).toMatchObject({ admitted: 0, malformed: 1 })
  })

  test('a peer that speaks before it has let this node in is heard after, not before', async () => {
    await using at = await scene(carrier)
    const wire = await at.dial()
    const [control, early] = [await wire.open(), await wire.open()]
    await control.write(at.hello())
    await frames(control, 2)
    await early.write(open)
    await setTimeout(50)
    expect(at.runs).toBe(0)
    await control.write(encodeFrame(frameType.admit))
    await until(() => at.runs === 1)
  })

  test('a peer that waits with its admit is judged by the authenticator of that time', async () => {
    await using at = await scene(carrier)
    const wire = await at.dial()
    const control = await wire.open()
    await control.write(at.hello())
    await frames(control, 2)
    await at.endpoint.setAuthenticator(pinnedKeys([]))
    await control.write(encodeFrame(frameType.admit))
    await cutOff(wire)
    expect(at.endpoint.counts()).toMatchObject({ admitted: 0, refused: 1 })
  })

  test('a lane that is reset without a word is never taken for one that ended', async () => {
    await using at = await scene(carrier)
    const heard: unknown[] = []
    at.endpoint.handle('test/read', async (stream) => {
      await stream.read()
      for (let round = 0; round < 2; round++) {
        heard.push(await stream.read().catch((error: unknown) => error))
      }
    })
    const { wire } = await at.admitted()
    const lane = await wire.open()
    const name = text.encode('test/read')
    await lane.write(concat(encodeFrame(frameType.open, name), Uint8Array.of(1)))
    await lane.read(1)
    await lane.reset()
    await until(() => heard.length === 2)
    expect(heard).toMatchObject([{ code: 'reset' }, { code: 'reset' }])
  })

  test('a server that opens a protocol to whoever dials it gets nothing', async () => {
    await using at = await scene(carrier)
    at.raw
      .accept()
      .then(async (wire) => (await wire?.open())?.write(open))
      .catch(() => undefined)
    const address = { host: '::1', port: at.raw.port, key: at.key.publicKey }
    await expect(at.endpoint.connect(address)).rejects.toMatchObject({ name: 'StoqError' })
    expect(at.runs).toBe(0)
    expect(at.endpoint.counts()).toMatchObject({ admitted: 0, malformed: 1 })
  })

  test('any bytes for a hello are refused, counted and cut off', async () => {
    await using at = await scene(carrier)
    const words = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.nat(200).map((length) => concat(at.hello().subarray(0, length), Uint8Array.of(255, 0))),
      fc.nat(8 * 200).map((bit) => {
        // Behind the head, and not in the instance: there each bit is as good as the other.
        const bytes = at.hello()
        const place = 5 + ((bit >> 3) % 40)
        bytes[place]! ^= 1 << (bit & 7)
        return bytes
      }),
    )
    let said = 0
    await fc.assert(
      fc.asyncProperty(fc.array(words, { minLength: 20, maxLength: 20 }), async (crowd) => {
        said += crowd.length
        await Promise.all(
          crowd.map(async (bytes) => {
            const wire = await at.dial()
            const lane = await wire.open()
            await lane.write(bytes)
            await lane.finish()
            await cutOff(wire)
          }),
        )
      }),
      { numRuns: crowds },
    )
    const { admitted, refused, malformed } = at.endpoint.counts()
    expect(admitted).toBe(0)
    expect(refused + malformed).toBe(said)
    expect(at.endpoint.peers()).toEqual([])
  })

  test('a second connection is refused, unless the peer has started anew', async () => {
    await using at = await scene(carrier, { handshakeMs: 1_000 })
    const answer = async (): Promise<void> => {
      const wire = await at.raw.accept()
      const control = await wire!.accept()
      at.held.push(wire, control)
      await control.write(concat(at.hello(), encodeFrame(frameType.admit)))
    }
    const answered = answer()
    const address = { host: '::1', port: at.raw.port, key: at.key.publicKey }
    const connection = await at.endpoint.connect(address)
    await answered

    const again = await (await at.dial()).open()
    await again.write(at.hello())
    const [refused] = await frames(again, 1)
    expect(refusalCodec.decode(refused!.payload)).toMatchObject({ value: { code: 'duplicate' } })
    expect(connection.closeReason).toBe(undefined)

    const anew = await (await at.dial()).open()
    await anew.write(at.hello({ instance: new Uint8Array(16).fill(1) }))
    await frames(anew, 2)
    await anew.write(encodeFrame(frameType.admit))
    await connection.closed
    expect(connection.closeReason).toBe('replaced')
    expect(at.endpoint.peers()).toHaveLength(1)
  })

  test('a hello from or for another key is refused with a reason', async () => {
    await using at = await scene(carrier)
    const other = new Uint8Array(32)
    for (const changes of [{ from: other }, { to: other }]) {
      const wire = await at.dial()
      const lane = await wire.open()
      await lane.write(at.hello(changes))
      const [answer] = await frames(lane, 1)
      expect(answer?.type).toBe(frameType.refuse)
      expect(refusalCodec.decode(answer!.payload)).toMatchObject({ value: { code: 'wrong-key' } })
      await cutOff(wire)
    }
    await until(() => at.endpoint.counts().refused === 2)
  })

  test('a peer that says nothing is cut off, and others are let in meanwhile', async () => {
    await using at = await scene(carrier, { handshakeMs: 1_000, greetings: 2 })
    const silent = await at.dial()
    let isCut = false
    void silent.closed.then(() => (isCut = true))
    const { wire } = await at.admitted()
    expect(isCut).toBe(false)
    await cutOff(silent)
    expect(at.endpoint.peers()).toHaveLength(1)
    wire.abort()
  })

  test.each([
    { words: 'a protocol name of 65 bytes', bytes: Uint8Array.of(4, 0, 0, 0, 65) },
    { words: 'a frame of no type', bytes: Uint8Array.of(77) },
    { words: 'a frame that is cut', bytes: open.subarray(0, 9) },
    { words: 'a name that is no text', bytes: encodeFrame(frameType.open, Uint8Array.of(7)) },
    { words: 'a reset where a stream should begin', bytes: encodeFrame(5, new Uint8Array(5)) },
  ])('an admitted peer that opens a stream with $words is cut off', async ({ bytes }) => {
    await using at = await scene(carrier)
    const { wire } = await at.admitted()
    const lane = await wire.open()
    await lane.write(bytes)
    await lane.finish()
    await cutOff(wire)
    expect(at.runs).toBe(0)
    expect(at.endpoint.counts()).toMatchObject({ admitted: 1, malformed: 1 })
  })

  test.each([
    { words: 'nonsense', bytes: Uint8Array.of(200, 1, 2) },
    { words: 'another hello', bytes: encodeFrame(frameType.hello, new Uint8Array(9)) },
    {
      words: 'a reset by nobody',
      bytes: encodeFrame(frameType.reset, Uint8Array.of(2, 0, 0, 0, 0)),
    },
    { words: 'a close for no reason', bytes: encodeFrame(frameType.close, Uint8Array.of(99)) },
  ])('an admitted peer that says $words on the control lane is cut off', async ({ bytes }) => {
    await using at = await scene(carrier)
    const { wire, control } = await at.admitted()
    await control.write(bytes)
    await cutOff(wire)
    expect(at.endpoint.counts().malformed).toBe(1)
  })

  test('a reset of a stream that is not there changes nothing', async () => {
    await using at = await scene(carrier)
    const { wire, control } = await at.admitted()
    await control.write(encodeFrame(frameType.reset, Uint8Array.of(1, 0, 0, 0, 200)))
    const lane = await wire.open()
    await lane.write(open)
    await until(() => at.runs === 1)
  })

  test('a stream without its first frame is given up, and the connection lives', async () => {
    await using at = await scene(carrier, { handshakeMs: 1_000 })
    const { wire } = await at.admitted()
    const slow = await wire.open()
    await slow.write(open.subarray(0, 3))
    await expect(slow.read(1)).rejects.toMatchObject({ code: 'reset' })
    const lane = await wire.open()
    await lane.write(open)
    await until(() => at.runs === 1)
  })

  test('an answer that is no answer is the caller’s error, not its crash', async () => {
    await using at = await scene(carrier)
    const { wire } = await at.admitted()
    const answer = async (bytes: Uint8Array): Promise<void> => {
      const lane = await wire.accept()
      await lane.write(bytes)
      await lane.finish()
    }
    const connection = at.endpoint.connection(at.key.publicKey)!
    const outcomes = [
      [Uint8Array.of(9), 'malformed'],
      [new Uint8Array(0), 'reset'],
      [Uint8Array.of(2), 'failed'],
    ] as const
    for (const [bytes, code] of outcomes) {
      for (const ask of [
        () => connection.open('test/any'),
        () => connection.request('test/any', new Uint8Array(3)),
      ]) {
        const asked = ask()
        await Promise.all([answer(bytes), expect(asked).rejects.toMatchObject({ code })])
      }
    }
  })

  test.each([
    { whose: 'for another key', changes: { to: new Uint8Array(32) } },
    { whose: 'of another start', changes: { instance: new Uint8Array(16).fill(9) } },
  ])('a new hello $whose ends the connection', async ({ changes }) => {
    await using at = await scene(carrier)
    const { wire } = await at.admitted()
    const lane = await wire.open()
    await lane.write(at.hello(changes))
    // Only the second of the two gets as far as an answer.
    frames(lane, 2)
      .then(() => lane.write(encodeFrame(frameType.admit)))
      .catch(() => undefined)
    await cutOff(wire)
    expect(at.endpoint.peers()).toEqual([])
  })
})
