import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { NexusError } from '../errors.ts'
import type { CallName, Calls, Notice, Reply, Request } from './call.ts'

/** A node closes its parts in this time, or it is ended. */
const STOP_MS = 5000

/** What a node wrote to its error stream, kept to explain its end: the last of it, in characters. */
const ERROR_TAIL = 2000

/** A node in a process of its own. */
export interface Member extends AsyncDisposable {
  readonly name: string
  readonly isAlive: () => boolean
  call<K extends CallName>(name: K, argument: Calls[K]['argument']): Promise<Calls[K]['result']>
  onNotice(listener: (notice: Notice) => void): void
  /** Ends the process at once, as a power cut would. */
  kill(): Promise<void>
}

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Starts the process. Its keys are made by the call `create`. */
export function startMember(name: string): Member {
  const file = import.meta.url.endsWith('.ts') ? './child.ts' : './child.js'
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const waiting = new Map<number, Waiting>()
  const listeners: ((notice: Notice) => void)[] = []
  let calls = 0
  let errors = ''
  let isStopping = false
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-ERROR_TAIL)
  })
  child.on('message', (message: Reply | Notice) => {
    if (message.type !== 'result' && message.type !== 'failure') {
      for (const listener of listeners) listener(message)
      return
    }
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.type === 'result') call?.resolve(message.value)
    else
      call?.reject(new NexusError('node-refused', `${name}: ${message.message} (${message.code})`))
  })
  child.on('exit', (code, signal) => {
    const why = `${name} ended with ${signal ?? `code ${code}`}`
    const error = new NexusError(
      'node-died',
      errors === '' || isStopping ? why : `${why}:\n${errors}`,
    )
    for (const call of waiting.values()) call.reject(error)
    waiting.clear()
  })
  const isAlive = (): boolean => child.exitCode === null && child.signalCode === null
  return {
    name,
    isAlive,
    call: (call, argument) =>
      new Promise((resolve, reject) => {
        if (!child.connected)
          return reject(new NexusError('node-died', `${name} is gone:\n${errors}`))
        const request: Request = { type: 'call', id: calls++, name: call, argument }
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The node runs this same code.
        waiting.set(request.id, { resolve: (value) => resolve(value as never), reject })
        child.send(request)
      }),
    onNotice: (listener) => void listeners.push(listener),
    kill: async () => {
      isStopping = true
      await end(child, 'SIGKILL')
    },
    [Symbol.asyncDispose]: async () => {
      isStopping = true
      if (!isAlive()) return
      // A node whose channel closes closes itself: so it also does when this process dies.
      if (child.connected) child.disconnect()
      const late = new AbortController()
      await Promise.race([
        once(child, 'exit'),
        pause(STOP_MS, undefined, { signal: late.signal }).catch(() => {}),
      ])
      late.abort()
      await end(child, 'SIGKILL')
    },
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}
