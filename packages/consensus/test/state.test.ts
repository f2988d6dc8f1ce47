import {
  emptyState,
  KEY_SIZE_MAX,
  statePathCodec,
  VALUE_SIZE_MAX,
  verifyStatePath,
} from '@hypermesh/consensus'
import type { State, StatePath, Write } from '@hypermesh/consensus'
import { equal, fromHex, toHex } from '@hypermesh/crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { bytes } from './mesh.ts'

const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 })
const value = fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined })
const writes = fc.array(fc.record({ key, value }), { maxLength: 60 })

/** The same state kept in the simplest way. */
function modelOf(list: readonly Write[]): Map<string, Uint8Array> {
  const model = new Map<string, Uint8Array>()
  for (const { key, value } of list) {
    if (value === undefined) model.delete(toHex(key))
    else model.set(toHex(key), value)
  }
  return model
}

test('a state holds what was written last, in the order of the keys', () => {
  fc.assert(
    fc.property(writes, key, (list, prefix) => {
      const state = emptyState().write(list)
      const model = modelOf(list)
      for (const [name, value] of model) expect(state.get(fromHex(name))).toEqual(value)
      for (const { key } of list) expect(state.get(key)).toEqual(model.get(toHex(key)))
      const sorted = [...model.keys()].sort()
      expect(namesOf(state, new Uint8Array())).toEqual(sorted)
      expect(namesOf(state, prefix)).toEqual(
        sorted.filter((name) => name.startsWith(toHex(prefix))),
      )
    }),
  )
})

test('the root follows from what a state holds, not from how it came to hold it', () => {
  fc.assert(
    fc.property(writes, (list) => {
      const state = emptyState().write(list)
      let other = emptyState()
      for (const [name, value] of modelOf(list))
        other = other.write([{ key: fromHex(name), value }])
      expect(other.root).toEqual(state.root)
    }),
  )
})

test('another state has another root', () => {
  fc.assert(
    fc.property(writes, key, fc.uint8Array({ maxLength: 4 }), (list, key, value) => {
      const before = emptyState().write(list)
      const after = before.write([{ key, value }])
      const held = before.get(key)
      expect(equal(before.root, after.root)).toBe(held !== undefined && equal(held, value))
    }),
  )
})

test('a state that was written to stays as it was', () => {
  fc.assert(
    fc.property(writes, writes, (first, second) => {
      const before = emptyState().write(first)
      const names = namesOf(before, new Uint8Array())
      const root = before.root
      before.write(second)
      expect(before.root).toEqual(root)
      expect(namesOf(before, new Uint8Array())).toEqual(names)
    }),
  )
})

test('every key has a path that proves its value, or its absence', () => {
  fc.assert(
    fc.property(writes, key, (list, key) => {
      const state = emptyState().write(list)
      const path = state.prove(key)
      expect(path.value).toEqual(state.get(key))
      expect(verifyStatePath(state.root, path)).toBe(true)
      const decoded = statePathCodec.decode(statePathCodec.encode(path))
      expect(decoded).toEqual({ ok: true, value: path })
    }),
  )
})

test('no path proves a value that is not there, or the absence of one that is', () => {
  fc.assert(
    fc.property(writes, key, fc.uint8Array({ maxLength: 4 }), (list, key, value) => {
      const state = emptyState().write(list)
      const path = state.prove(key)
      const held = state.get(key)
      const { neighbour, siblings } = path
      if (held !== undefined) {
        expect(verifyStatePath(state.root, { key, siblings })).toBe(false)
        const leaf = { keyHash: new Uint8Array(32), valueHash: new Uint8Array(32) }
        expect(verifyStatePath(state.root, { ...path, neighbour: leaf })).toBe(false)
        for (const other of list) {
          const { neighbour } = state.prove(other.key)
          if (neighbour)
            expect(verifyStatePath(state.root, { key, neighbour, siblings })).toBe(false)
        }
      }
      if (held === undefined || !equal(held, value)) {
        expect(verifyStatePath(state.root, { key, value, siblings })).toBe(false)
        if (neighbour) expect(verifyStatePath(state.root, { ...path, value })).toBe(false)
      }
    }),
  )
})

const PATHS = pathsOf(
  emptyState().write(
    ['a', 'b', 'c', 'd', 'e'].map((name) => ({ key: bytes(name), value: bytes('1') })),
  ),
)

test('a path with any bit changed is refused or proves nothing', () => {
  for (const { root, path } of PATHS) {
    const encoded = statePathCodec.encode(path)
    for (let bit = 0; bit < encoded.length * 8; bit++) {
      const changed = encoded.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const decoded = statePathCodec.decode(changed)
      if (!decoded.ok) continue
      // A changed key can only prove the absence of that other key.
      const isOther = !equal(decoded.value.key, path.key) && decoded.value.value === undefined
      if (!isOther) expect(verifyStatePath(root, decoded.value)).toBe(false)
    }
  }
})

test('a path cut short, made longer or with hashes of another length proves nothing', () => {
  for (const { root, path } of PATHS) {
    const { siblings } = path
    const one = new Uint8Array(32)
    const wrong = [
      siblings.slice(1),
      siblings.slice(0, -1),
      [...siblings, one],
      [one, ...siblings],
      siblings.map((sibling) => sibling.slice(1)),
    ]
    for (const siblings of wrong) expect(verifyStatePath(root, { ...path, siblings })).toBe(false)
  }
})

// The neighbour of another place would prove the absence of any key.
test('a leaf from elsewhere in the tree proves no absence', () => {
  const list = Array.from({ length: 40 }, (_, index) => ({
    key: bytes(`k${index}`),
    value: bytes('1'),
  }))
  const state = emptyState().write(list)
  const present = new Map(list.map(({ key }) => [toHex(key), state.prove(key)]))
  const absent = Array.from({ length: 40 }, (_, index) => state.prove(bytes(`x${index}`)))
  for (const { neighbour, siblings } of absent) {
    if (neighbour === undefined) continue
    for (const { key } of present.values()) {
      expect(verifyStatePath(state.root, { key, neighbour, siblings })).toBe(false)
    }
  }
})

test('random bytes are no path', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (random) => {
      expect(statePathCodec.decode(random).ok).toBe(false)
    }),
  )
})

test.each([
  { name: 'an empty key', write: { key: new Uint8Array(), value: bytes('v') } },
  { name: 'a key too long', write: { key: new Uint8Array(KEY_SIZE_MAX + 1), value: bytes('v') } },
  {
    name: 'a value too long',
    write: { key: bytes('k'), value: new Uint8Array(VALUE_SIZE_MAX + 1) },
  },
])('$name is not written', ({ write }) => {
  expect(() => emptyState().write([write])).toThrow(
    expect.objectContaining({ code: 'out-of-range' }),
  )
})

test('what is done to an array after it was written does not reach the state', () => {
  const key = bytes('key')
  const value = bytes('value')
  const state = emptyState().write([{ key, value }])
  key.fill(0)
  value.fill(0)
  expect(state.get(bytes('key'))).toEqual(bytes('value'))
  expect(verifyStatePath(state.root, state.prove(bytes('key')))).toBe(true)
})

test('roots and paths stay what they are', () => {
  const state = emptyState().write([
    { key: bytes('a'), value: bytes('1') },
    { key: bytes('b'), value: bytes('2') },
    { key: bytes('c'), value: bytes('') },
  ])
  expect(toHex(emptyState().root)).toBe('00'.repeat(32))
  expect(toHex(state.root)).toMatchInlineSnapshot(
    `"5b2a708d00e40c86ca85da5d814d28201b2e9c64ecea74be56b46c5c77dd4ad3"`,
  )
  expect(toHex(statePathCodec.encode(state.prove(bytes('a'))))).toMatchInlineSnapshot(
    `"837468797065726d6573682f73746174652d7061746801a3636b657941616576616c75654131687369626c696e67738158200613547db8c57b06f4d26949d1da4745f44878cb2d6c40938b998c4673fa3272"`,
  )
  expect(toHex(statePathCodec.encode(state.prove(bytes('d'))))).toMatchInlineSnapshot(
    `"837468797065726d6573682f73746174652d7061746801a2636b65794164687369626c696e6773835820565388d4bc00257133f799d9366ac97f6e949c18acc53d17457f8859ba0f08d358200000000000000000000000000000000000000000000000000000000000000000582066d03b192d121d8247fa06a134bbbf80882f2a3fe35166b39e29078bd4d9ed92"`,
  )
})

function namesOf(state: State, prefix: Uint8Array): string[] {
  return [...state.entries(prefix)].map(([key]) => toHex(key))
}

/** A path of each sort: a value, another's leaf in its place, and nothing there. */
function pathsOf(state: State): readonly { root: Uint8Array; path: StatePath }[] {
  const names = Array.from({ length: 200 }, (_, index) => bytes(`absent ${index}`))
  const absent = names.map((name) => state.prove(name))
  const neighbour = absent.find((path) => path.neighbour !== undefined)
  const nothing = absent.find((path) => path.neighbour === undefined)
  const paths = [state.prove(bytes('a')), neighbour, nothing].filter((path) => path !== undefined)
  return paths.map((path) => ({ root: state.root, path }))
}
