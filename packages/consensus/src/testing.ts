/**
 * Simulated clocks, networks and storages, and what the real ones must promise.
 *
 * @packageDocumentation
 */
import { deepEqual, ok, rejects } from 'node:assert/strict'

import type { Application, Write } from './application.ts'
import type { Clock } from './clock.ts'
import type { Network } from './network.ts'
import type { Storage } from './storage.ts'

export { createSimplex, SIMPLEX_RULES } from './simplex/simplex.ts'
export type { Effect, Event, Rules, Simplex, SimplexOptions } from './simplex/simplex.ts'

/** How a simulated network misbehaves. All that it does follows from the seed. */
export interface Weather {
  readonly seed: number
  /** Nodes, validators first. */
  readonly nodes: number
  /** Milliseconds a message travels: drawn between these for each. */
  readonly delayMs?: readonly [least: number, most: number]
  /** Chance that a message is lost, from 0 to 1. */
  readonly loss?: number
  /** Chance that a message comes twice. */
  readonly repeat?: number
}

/** A network and a clock that run only when told to. */
export interface Simulation {
  readonly clock: Clock
  /** The network as node `index` sees it. Asked for again, the earlier one goes deaf: a restart. */
  network(index: number): Network
  /** Messages pass only within a group, until {@link heal}. A node in none is alone. */
  cut(groups: readonly (readonly number[])[]): void
  heal(): void
  /** Sees every message when it is sent. */
  watch(seen: (from: number, to: number, message: Uint8Array) => void): void
  /** Lets so much time pass, and everything happen that is due in it. */
  run(ms: number): Promise<void>
}

/** A world whose time stands still between calls of `run`. */
export function simulate({
  seed,
  nodes,
  delayMs = [1, 5],
  loss = 0,
  repeat = 0,
}: Weather): Simulation {
  const random = randomFrom(seed)
  const agenda = createAgenda()
  const receivers: (((from: number, message: Uint8Array) => void) | undefined)[] = []
  const watchers: ((from: number, to: number, message: Uint8Array) => void)[] = []
  // Which opening of each node's network is its last.
  const current: object[] = []
  let groups: readonly (readonly number[])[] | undefined

  const carry = (from: number, to: number, message: Uint8Array): void => {
    for (const seen of watchers) seen(from, to, message)
    const isCut = groups && !groups.some((group) => group.includes(from) && group.includes(to))
    if (isCut || receivers[to] === undefined || random() < loss) return
    const copies = random() < repeat ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const delay = delayMs[0] + Math.floor(random() * (delayMs[1] - delayMs[0] + 1))
      const bytes = message.slice()
      agenda.add(agenda.now() + BigInt(delay), () => receivers[to]?.(from, bytes))
    }
  }
  return {
    clock: { now: () => agenda.now(), wake: (at, run) => agenda.add(at, run) },
    network: (index) => {
      const isCurrent = {}
      current[index] = isCurrent
      receivers[index] = undefined
      const send = (to: number, message: Uint8Array): void => {
        if (current[index] === isCurrent && to !== index && to < nodes) carry(index, to, message)
      }
      return {
        send,
        broadcast: (message) => {
          for (let to = 0; to < nodes; to++) send(to, message)
        },
        onMessage: (receive) => {
          receivers[index] = receive
        },
      }
    },
    cut: (next) => {
      groups = next
    },
    heal: () => {
      groups = undefined
    },
    watch: (seen) => {
      watchers.push(seen)
    },
    run: (ms) => agenda.run(ms),
  }
}

interface Agenda {
  now(): bigint
  add(at: bigint, run: () => void): () => void
  run(ms: number): Promise<void>
}

/** Where simulated time begins: some moment of 2026. */
const BEGINNING = 1_780_000_000_000n

function createAgenda(): Agenda {
  const due: { readonly at: bigint; run: (() => void) | undefined }[] = []
  let now = BEGINNING
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    now: () => now,
    add: (at, run) => {
      const one: (typeof due)[number] = { at: at > now ? at : now, run }
      // The next one due is last; of those due at one time the first added comes first.
      let low = 0
      let high = due.length
      while (low < high) {
        const middle = (low + high) >> 1
        if ((due[middle]?.at ?? one.at) > one.at) low = middle + 1
        else high = middle
      }
      due.splice(low, 0, one)
      return () => {
        one.run = undefined
      }
    },
    run: async (ms) => {
      const end = now + BigInt(ms)
      // What is asynchronous, such as a storage, takes no simulated time: it settles between two events.
      await settle()
      for (let next = due.at(-1); next !== undefined && next.at <= end; next = due.at(-1)) {
        due.pop()
        now = next.at
        if (next.run === undefined) continue
        next.run()
        await settle()
      }
      now = end
    },
  }
}

/** A storage in memory. It survives what is opened on it, and can be made to fail. */
export interface SimulatedStorage extends Storage {
  /**
   * Makes the append after so many more fail, and all that follow: as if power were lost.
   *
   * @param isKept - Whether that append's records reached the disk all the same.
   */
  failAfter(appends: number, isKept: boolean): void
  /** The storage after a restart. */
  reopen(): SimulatedStorage
  readonly appends: number
}

export function simulatedStorage(records: Uint8Array[] = []): SimulatedStorage {
  let failsAt = Number.POSITIVE_INFINITY
  let keepsLast = false
  let appends = 0
  return {
    get appends() {
      return appends
    },
    async *read() {
      for (const [position, record] of records.entries()) yield { position, record }
    },
    append: async (added) => {
      appends++
      if (appends > failsAt) {
        const isLast = appends === failsAt + 1
        if (isLast && keepsLast) records.push(...added)
        throw new Error('the power is gone')
      }
      const first = records.length
      records.push(...added.map((record) => record.slice()))
      return added.map((_, index) => first + index)
    },
    load: async (position) => {
      const record = records[position]
      if (record === undefined) throw new Error(`no record at ${position}`)
      return record
    },
    failAfter: (more, isKept) => {
      failsAt = appends + more
      keepsLast = isKept
    },
    reopen: () => simulatedStorage(records),
  }
}

const text = { encoder: new TextEncoder(), decoder: new TextDecoder() }

/** Operations `key=value`, each of which sets a key once: an application for trying things out. */
export const keyValue: Application = {
  check: (operation, state) => {
    const [write] = keyValueWrite(operation)
    if (write === undefined) return { ok: false, reason: 'not key=value' }
    return state.get(write.key) === undefined
      ? { ok: true }
      : { ok: false, reason: 'the key is taken' }
  },
  apply: keyValueWrite,
}

/** An operation of {@link keyValue}. */
export function keyValueOperation(key: string, value: string): Uint8Array {
  return text.encoder.encode(`${key}=${value}`)
}

function keyValueWrite(operation: Uint8Array): readonly Write[] {
  const [key = '', value] = text.decoder.decode(operation).split('=', 2)
  if (key === '' || value === undefined) return []
  return [{ key: text.encoder.encode(key), value: text.encoder.encode(value) }]
}

/** How a test is declared: vitest's `test` is one, and so is node:test's. */
export type Declare = (name: string, run: () => Promise<void>) => void

/** What every {@link Storage} promises. Whoever writes one runs this. */
export function storageTests(
  name: string,
  declare: Declare,
  open: () => Promise<Storage & Partial<AsyncDisposable>>,
): void {
  const first = Uint8Array.of(1, 2, 3)
  const second = new Uint8Array(70_000).fill(7)
  const opened = async (run: (storage: Storage) => Promise<void>): Promise<void> => {
    const storage = await open()
    try {
      await run(storage)
    } finally {
      await storage[Symbol.asyncDispose]?.()
    }
  }
  declare(`${name} gives back what was appended, in its order`, () =>
    opened(async (storage) => {
      deepEqual(await recordsOf(storage), [])
      await storage.append([first, new Uint8Array()])
      await Promise.all([storage.append([second]), storage.append([first])])
      deepEqual(await recordsOf(storage), [first, new Uint8Array(), second, first])
    }),
  )
  declare(`${name} gives back one record by its position`, () =>
    opened(async (storage) => {
      const positions = [
        ...(await storage.append([first, second])),
        ...(await storage.append([first])),
      ]
      const loaded = await Promise.all(positions.map((position) => storage.load(position)))
      deepEqual(loaded.map(plain), [first, second, first])
      for await (const { position, record } of storage.read()) {
        deepEqual(plain(await storage.load(position)), plain(record))
      }
    }),
  )
  declare(`${name} has no record where there is none`, () =>
    opened(async (storage) => {
      const [position = 0] = await storage.append([first])
      await rejects(storage.load(position + 1))
      await rejects(storage.load(1_000_000))
    }),
  )
  declare(`${name} keeps what it was given, whatever becomes of the array`, () =>
    opened(async (storage) => {
      const given = first.slice()
      await storage.append([given])
      given.fill(0)
      deepEqual(await recordsOf(storage), [first])
    }),
  )
}

/** What every {@link Network} promises, while it is well. `open` connects so many nodes. */
export function networkTests(
  name: string,
  declare: Declare,
  open: (
    nodes: number,
  ) => Promise<
    { networks: readonly Network[]; settle(): Promise<void> } & Partial<AsyncDisposable>
  >,
): void {
  const message = Uint8Array.of(1, 2, 3)
  const connected = async (
    run: (
      send: Network,
      heard: (readonly [number, number, Uint8Array])[],
      settle: () => Promise<void>,
    ) => Promise<void>,
  ): Promise<void> => {
    const world = await open(3)
    try {
      const heard: (readonly [number, number, Uint8Array])[] = []
      for (const [to, network] of world.networks.entries()) {
        network.onMessage((from, bytes) => heard.push([from, to, plain(bytes)]))
      }
      const [network] = world.networks
      ok(network)
      await run(network, heard, () => world.settle())
    } finally {
      await world[Symbol.asyncDispose]?.()
    }
  }
  declare(`${name} carries a message to one, and says who sent it`, () =>
    connected(async (network, heard, settle) => {
      network.send(2, message)
      await settle()
      deepEqual(heard, [[0, 2, message]])
    }),
  )
  declare(`${name} carries a message to all the others`, () =>
    connected(async (network, heard, settle) => {
      network.broadcast(message)
      await settle()
      deepEqual(
        new Set(heard.map(([from, to]) => `${from} to ${to}`)),
        new Set(['0 to 1', '0 to 2']),
      )
      deepEqual(heard.length, 2)
    }),
  )
  declare(`${name} carries a message of four mebibytes`, () =>
    connected(async (network, heard, settle) => {
      network.send(1, new Uint8Array(4 * 1024 * 1024).fill(9))
      await settle()
      deepEqual(
        heard.map(([, , bytes]) => bytes.length),
        [4 * 1024 * 1024],
      )
    }),
  )
  declare(`${name} loses a message to nobody, and does not throw`, () =>
    connected(async (network, heard, settle) => {
      network.send(99, message)
      await settle()
      deepEqual(heard, [])
    }),
  )
}

async function recordsOf(storage: Storage): Promise<Uint8Array[]> {
  const records: Uint8Array[] = []
  for await (const { record } of storage.read()) records.push(plain(record))
  return records
}

// A copy in memory of its own, so that two are equal exactly when their bytes are.
function plain(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes)
}

/** Numbers from 0 to below 1, always the same for one seed (a 32-bit state, mixed). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
