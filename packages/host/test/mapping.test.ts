import { readFileSync } from 'node:fs'
import type { Foreign, Probe } from '@hypermesh/host'
import { HostError, mapMemory, mapMemoryAsync, probeForeign, probeMapping } from '@hypermesh/host'
import { describe, expect, test } from 'vitest'

const MIB = 2 ** 20
const bridge = probeForeign()
const noBridge = bridge.available ? false : bridge.reason
if (noBridge !== false) process.stdout.write(`skipped: mapping by memfd: ${noBridge}\n`)

const absent = probeForeign(() => {
  throw new Error('not installed')
})

function residentBytes(kind: 'RssShmem' | 'VmRSS'): number {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`${kind}:\\s+(\\d+) kB`))
  return Number(line?.[1]) * 1024
}

describe.skipIf(noBridge !== false)('with the native bridge', () => {
  test('mapped memory is allocated at once and given back on disposal', () => {
    const before = residentBytes('RssShmem')
    const memory = mapMemory(16 * MIB)
    expect(memory.backing).toBe('memfd')
    expect(residentBytes('RssShmem') - before).toBeGreaterThanOrEqual(16 * MIB)
    memory[Symbol.dispose]()
    expect(residentBytes('RssShmem') - before).toBeLessThan(MIB)
  })

  test('a buffer that was moved away stays readable, and empty, after disposal', () => {
    const before = residentBytes('RssShmem')
    const memory = mapMemory(4 * MIB)
    memory.bytes.fill(7)
    const { buffer } = memory.bytes
    if (!(buffer instanceof ArrayBuffer)) throw new Error('memory that cannot be moved')
    const moved = new Uint8Array(buffer.transfer())
    memory[Symbol.dispose]()
    expect(moved[0]).toBe(0)
    expect(residentBytes('RssShmem') - before).toBeLessThan(MIB)
  })

  test('memory that the kernel refuses comes from a buffer instead', () => {
    const refusing: Probe<Foreign> = {
      available: true,
      value: {
        map: () => ({ error: 'mmap failed' }),
        mapAsync: () => Promise.resolve({ error: 'mmap failed' }),
        unmap: () => {},
        discard: () => {},
      },
    }
    using memory = mapMemory(MIB, { foreign: refusing })
    expect(memory.backing).toBe('buffer')
    expect(probeMapping({ foreign: refusing })).toMatchObject({
      value: { backing: 'buffer', reason: 'memfd is refused' },
    })
  })
})

describe.each([
  { name: 'native bridge', foreign: bridge },
  { name: 'buffer', foreign: absent },
])('memory by $name', ({ foreign }) => {
  test.each([
    { way: 'mapMemory', map: mapMemory },
    { way: 'mapMemoryAsync', map: mapMemoryAsync },
  ])('$way gives zeroed, writable bytes of the size asked for', async ({ map }) => {
    using memory = await map(3 * 4096 + 1, { foreign })
    expect(memory.bytes.length).toBe(3 * 4096 + 1)
    expect(memory.sizeBytes).toBe(memory.bytes.length)
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true)
    memory.bytes.fill(9)
    expect(memory.bytes.at(-1)).toBe(9)
  })

  test('after disposal neither the bytes nor any view of them reach memory', () => {
    const memory = mapMemory(MIB, { foreign })
    const { bytes } = memory
    const view = bytes.subarray(100, 200)
    const wide = new DataView(bytes.buffer)
    bytes.fill(5)
    memory[Symbol.dispose]()
    memory[Symbol.dispose]()
    expect(bytes.length).toBe(0)
    expect(bytes[0]).toBeUndefined()
    expect(view[0]).toBeUndefined()
    bytes[0] = 1
    expect(bytes[0]).toBeUndefined()
    expect(() => bytes.set([1])).toThrow(TypeError)
    expect(() => wide.getUint8(0)).toThrow(TypeError)
  })

  test('more than the machine has is refused before anything is taken', async () => {
    expect(() => mapMemory(2 ** 45, { foreign })).toThrow(
      expect.objectContaining({ name: 'HostError', code: 'out-of-memory' }),
    )
    await expect(mapMemoryAsync(2 ** 45, { foreign })).rejects.toThrow(HostError)
  })

  test.each([0, -1, 1.5, Number.NaN, 2 ** 60])('%d bytes are no size', (size) => {
    expect(() => mapMemory(size, { foreign })).toThrow(
      expect.objectContaining({ code: 'invalid-argument' }),
    )
  })
})

test('without the bridge the buffer is really allocated too', () => {
  const before = residentBytes('VmRSS')
  using memory = mapMemory(32 * MIB, { foreign: absent })
  expect(memory.bytes.length).toBe(32 * MIB)
  expect(residentBytes('VmRSS') - before).toBeGreaterThanOrEqual(31 * MIB)
})

test('what is missing for shared memory is said, with the remedy', () => {
  expect(probeMapping({ foreign: absent })).toEqual({
    available: true,
    value: {
      backing: 'buffer',
      reason: 'koffi does not load: not installed',
      remedy: 'npm i koffi',
    },
  })
  expect(probeForeign(() => ({ load: 1 }))).toMatchObject({ available: false })
})
