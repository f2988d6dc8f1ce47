import { MESSAGE_SIZE_MAX } from '@hypermesh/consensus'
import { keyValueOperation } from '@hypermesh/consensus/testing'
import { toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { openMesh } from './mesh.ts'

/** The kind of a message that is no vote: [domain, version, [kind, ...]] in CBOR, with a domain of 14 bytes. */
function kindOf(message: Uint8Array): string | undefined {
  const length = (message[18] ?? 0) - 0x60
  return message[0] === 0x83 ? new TextDecoder().decode(message.slice(19, 19 + length)) : undefined
}

test('whatever bytes a peer sends, nobody stops', async () => {
  await using mesh = await openMesh({ loss: 0.1 })
  const overheard = new Map<string, Uint8Array>()
  mesh.world.watch((_from, _to, message) => overheard.set(toHex(message), message))
  await mesh.close(3)
  for (const name of ['a', 'b', 'c']) await mesh.submit(1, keyValueOperation(name, '1'), 30_000)
  await mesh.open(3)
  await mesh.world.run(5000)
  await mesh.close(0)
  const liar = mesh.world.network(0)
  const stranger = mesh.world.network(5)
  const messages = [...overheard.values()]
  const kinds = ['certified', 'proposal', 'operations', 'wantFinal', 'final']
  expect(messages.map(kindOf)).toEqual(expect.arrayContaining(kinds))
  const message = fc.constantFrom(...messages)
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ minLength: 115, maxLength: 115 }),
    message,
    fc.tuple(message, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % bytes.length)),
    fc
      .tuple(message, fc.uint8Array({ minLength: 1, maxLength: 8 }))
      .map(([bytes, more]) => Uint8Array.of(...bytes, ...more)),
    fc.tuple(message, fc.array(fc.nat(), { minLength: 1, maxLength: 4 })).map(([bytes, bits]) => {
      const changed = bytes.slice()
      for (const bit of bits) {
        const at = bit % (changed.length * 8)
        changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7))
      }
      return changed
    }),
  )
  for (const [index, bytes] of fc.sample(hostile, { numRuns: 1000, seed: 7 }).entries()) {
    ;(index % 2 === 0 ? liar : stranger).broadcast(bytes)
    if (index % 100 === 0) await mesh.world.run(5)
  }
  liar.broadcast(new Uint8Array(MESSAGE_SIZE_MAX + 1))
  await mesh.world.run(5000)
  expect(await mesh.submit(1, keyValueOperation('k', 'v'), 30_000)).toMatchObject({ ok: true })
})

test('a stranger has no vote, whatever it says', async () => {
  // Two validators and a node that repeats all they say make no quorum of three.
  await using mesh = await openMesh({}, [{}, {}])
  const stranger = mesh.world.network(4)
  mesh.world.watch((from, _to, message) => {
    if (from < 2) stranger.broadcast(message)
  })
  await mesh.world.run(20_000)
  expect(mesh.heights()).toEqual([0n, 0n])
})

test('a peer that asks without end is not answered without end', async () => {
  await using mesh = await openMesh({}, [{}, {}, {}])
  const asks: Uint8Array[] = []
  let answered = 0
  mesh.world.watch((from, to, message) => {
    if (kindOf(message) === 'wantFinal') asks.push(message)
    if (from === 0 && to === 5 && kindOf(message) === 'final') answered += message.length
  })
  const million = 'v'.repeat(1_000_000)
  for (const name of ['a', 'b']) await mesh.submit(0, keyValueOperation(name, million), 10_000)
  await mesh.open(3)
  await mesh.world.run(1000)
  const asker = mesh.world.network(5)
  for (let time = 0; time < 200; time++) {
    asker.send(0, asks[0]!)
    if (time % 20 === 0) await mesh.world.run(5)
  }
  expect(answered).toBeGreaterThan(4_000_000)
  expect(answered).toBeLessThan(20_000_000)
  expect(await mesh.submit(1, keyValueOperation('k', 'v'), 10_000)).toMatchObject({ ok: true })
})

test('what goes over the wire stays as it is', async () => {
  await using mesh = await openMesh({ delayMs: [1, 1] })
  const first = new Map<string, string>()
  mesh.world.watch((_from, _to, message) => {
    const name = kindOf(message) ?? `vote ${message[0]}`
    if (!first.has(name)) first.set(name, toHex(message))
  })
  await mesh.submit(0, keyValueOperation('k', 'v'))
  expect([...first.keys()].sort()).toMatchInlineSnapshot(`
    [
      "certified",
      "operations",
      "proposal",
      "vote 1",
      "vote 3",
    ]
  `)
  expect(first.get('vote 1')).toMatchInlineSnapshot(
    `"010003000000000000000000000000000000015cd0e58eae6338eb1cf47903df5b22d53a9624cd2430e168eb3c045bc1b2e558412c25ba08d42bd19ad427b5ef72fcf9da8dba5bfc16198e5a58949f58a8fb7b0d44e4d5ea6765d854dd1ec8bf96e0e54a66d453d0c7037a6ec47b067fc67008"`,
  )
  expect(first.get('vote 3')).toMatchInlineSnapshot(
    `"030001000000000000000000000000000000015cd0e58eae6338eb1cf47903df5b22d53a9624cd2430e168eb3c045bc1b2e558d2fcb8473ed847e0f259b97cccb71702682a624516afc80a72aaca8c1f995eabc38f5067b5449afb44877058c97692632dba9b5bfe07f53fa82c24ac99055007"`,
  )
  expect(first.get('operations')).toMatchInlineSnapshot(
    `"836e68797065726d6573682f74616c6b01826a6f7065726174696f6e73a16a6f7065726174696f6e7381436b3d76"`,
  )
  expect(first.get('proposal')).toMatchInlineSnapshot(
    `"836e68797065726d6573682f74616c6b01826870726f706f73616ca366686561646572a96476696577016565706f636800666865696768740166706172656e745820ab0fe013f2e880ab812b15351d01c4d129e3392dc236895bc5a0bc94d95ae5dd67636861696e496458207467cc931220643077836bed14b2c18fe893b892a4faf725991269b8eef1b294697374616b65526f6f7458201ceb0a93aaff826ec0731a4946d1307b6c369daafe2c49becbcf9c0d93940899697374617465526f6f745820d3fe0580181b0f36b3f5a4dd0197ea9d60fd141d0332aa4262b6d7300ec490a46974696d657374616d701b0000019e704488016e6f7065726174696f6e73526f6f74582016b726a9fd033ed1b81178babd21484fc7baeb2002d8e684463e7c0bb9ad88c7697369676e6174757265584035975c3bc900a99de7335add4462872b75b4aceda6ab63caaca1cd3d4f973925d88df6b268887ba5204c7eefa13bb91f04c5951cc0e54b56bcae437370987d076a6f7065726174696f6e7381436b3d76"`,
  )
  expect(first.get('certified')).toMatchInlineSnapshot(
    `"836e68797065726d6573682f74616c6b018269636572746966696564a16963657274696669656481a5646861736858205cd0e58eae6338eb1cf47903df5b22d53a9624cd2430e168eb3c045bc1b2e558646b696e64016476696577016565706f6368006b6365727469666963617465a16a7369676e61747572657383a2697369676e61747572655840328b99e7943030302403d5ef7c9ad6c9788ea4d2544a67c9dbd69579f1230926763e9cee8f43ebaf53517d39b2b3945ee965c39205c0cdaa14cf124a8a907a0b6976616c696461746f7200a2697369676e617475726558409491bd711396d4cd30f2ea0f208a45d607d14b76b24488c41cb00628919b3d9686ea20649e640cc1fcb1d7689e7278e06bcf82eeddfdd4694ee699643343fb026976616c696461746f7201a2697369676e61747572655840412c25ba08d42bd19ad427b5ef72fcf9da8dba5bfc16198e5a58949f58a8fb7b0d44e4d5ea6765d854dd1ec8bf96e0e54a66d453d0c7037a6ec47b067fc670086976616c696461746f7203"`,
  )
})
