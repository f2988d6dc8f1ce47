import { setImmediate as turn } from 'node:timers/promises'
import { HostError } from './errors.ts'
import type { Foreign } from './ffi.ts'
import { probeForeign } from './ffi.ts'
import { memoryInfo } from './memory.ts'
import type { Probe } from './probe.ts'
import { available, errorText, unavailable } from './probe.ts'

/** Left free in every mapping, so that the process which asks can go on living after it got what it asked for. */
export const MEMORY_RESERVE_BYTES: number = 64 * 1024 * 1024

const PAGE_BYTES = 4096
// How much is touched between two turns of the event loop: a few milliseconds' worth.
const STEP_BYTES = 1024 * PAGE_BYTES

/** Memory that is really there: every page of it has been allocated. */
export interface MappedMemory extends Disposable {
  /** Empty after disposal: reads give nothing, `set` throws a TypeError; nothing touches memory given back. */
  readonly bytes: Uint8Array
  /** `memfd` can be shared with other processes; `buffer` is Node's own and cannot. */
  readonly backing: 'memfd' | 'buffer'
  readonly sizeBytes: number
}

export interface MapOptions {
  /** The native bridge to use; by default the one this host has. */
  readonly foreign?: Probe<Foreign>
}

/** Which memory {@link mapMemory} gives here, found by mapping a page, and why no better. */
export function probeMapping({ foreign = hostForeign() }: MapOptions = {}): Probe<{
  readonly backing: 'memfd' | 'buffer'
  readonly reason?: string
  readonly remedy?: string
}> {
  try {
    using memory = mapMemory(PAGE_BYTES, { foreign })
    const { backing } = memory
    if (backing === 'memfd') return available({ backing })
    const { reason, remedy } = foreign.available ? { reason: 'memfd is refused' } : foreign
    return available({ backing, reason, ...(remedy === undefined ? {} : { remedy }) })
  } catch (error) {
    return unavailable(errorText(error))
  }
}

/**
 * Takes memory from the system now, and gives it back on disposal.
 *
 * Taking it blocks the thread, about as long as filling it would. Disposal empties `bytes` and every view of its
 * buffer. A caller that moved the buffer away (`transfer`) keeps valid addresses, but not the memory behind them.
 *
 * @throws {HostError} `out-of-memory` when the machine or its control group has not that much to give;
 *   `invalid-argument` when `sizeBytes` is not a positive whole number.
 */
export function mapMemory(
  sizeBytes: number,
  { foreign = hostForeign() }: MapOptions = {},
): MappedMemory {
  check(sizeBytes)
  if (foreign.available) {
    const mapped = foreign.value.map(sizeBytes)
    if ('buffer' in mapped) return own(mapped, sizeBytes, foreign.value)
  }
  const bytes = allocate(sizeBytes)
  touch(bytes, 0, sizeBytes)
  return ownBuffer(bytes)
}

/**
 * The same as {@link mapMemory}, without keeping the thread from its other work meanwhile.
 *
 * @throws {HostError} As `mapMemory` does.
 */
export async function mapMemoryAsync(
  sizeBytes: number,
  { foreign = hostForeign() }: MapOptions = {},
): Promise<MappedMemory> {
  check(sizeBytes)
  if (foreign.available) {
    const mapped = await foreign.value.mapAsync(sizeBytes)
    if ('buffer' in mapped) return own(mapped, sizeBytes, foreign.value)
  }
  const bytes = allocate(sizeBytes)
  for (let offset = 0; offset < sizeBytes; offset += STEP_BYTES) {
    touch(bytes, offset, Math.min(sizeBytes, offset + STEP_BYTES))
    await turn()
  }
  return ownBuffer(bytes)
}

function check(sizeBytes: number): void {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0) {
    throw new HostError('invalid-argument', `cannot map ${sizeBytes} bytes`)
  }
  const memory = memoryInfo()
  // Past this point the kernel would not refuse: it would end a process, perhaps this one.
  if (memory.available && sizeBytes > memory.value.availableBytes - MEMORY_RESERVE_BYTES) {
    throw new HostError(
      'out-of-memory',
      `${sizeBytes} bytes asked for, ${memory.value.availableBytes} available`,
    )
  }
}

let found: Probe<Foreign> | undefined

// Loading the bridge takes milliseconds and its answer does not change while the process lives.
function hostForeign(): Probe<Foreign> {
  found ??= probeForeign()
  return found
}

// Runs when nothing, a system call in flight included, holds a given-back buffer any more.
const forgotten = new FinalizationRegistry<Given>(({ foreign, address, sizeBytes }) => {
  foreign.unmap(address, sizeBytes)
})

interface Given {
  readonly foreign: Foreign
  readonly address: bigint
  readonly sizeBytes: number
}

function own(
  { address, buffer }: { readonly address: bigint; readonly buffer: ArrayBuffer },
  sizeBytes: number,
  foreign: Foreign,
): MappedMemory {
  let isMapped = true
  return {
    bytes: new Uint8Array(buffer),
    backing: 'memfd',
    sizeBytes,
    [Symbol.dispose]: () => {
      if (!isMapped) return
      isMapped = false
      foreign.discard(address, sizeBytes)
      // Moved away by the caller: someone may still read there, so the addresses stay good for ever.
      if (buffer.detached) return
      // Detaches every view. What it returns still points at the mapping and is dropped here, unseen.
      buffer.transfer()
      forgotten.register(buffer, { foreign, address, sizeBytes })
    },
  }
}

function ownBuffer(bytes: Uint8Array<ArrayBuffer>): MappedMemory {
  return {
    bytes,
    backing: 'buffer',
    sizeBytes: bytes.length,
    [Symbol.dispose]: () => {
      if (!bytes.buffer.detached) bytes.buffer.transfer(0)
    },
  }
}

function allocate(sizeBytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(sizeBytes)
  } catch (error) {
    throw new HostError('out-of-memory', `${sizeBytes} bytes: ${errorText(error)}`, {
      cause: error,
    })
  }
}

// The system gives zeroed pages only when they are first written to.
function touch(bytes: Uint8Array, from: number, to: number): void {
  for (let offset = from; offset < to; offset += PAGE_BYTES) bytes[offset] = 0
}
