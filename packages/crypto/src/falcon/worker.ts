import { Worker } from 'node:worker_threads'

import { CryptoError } from '../errors.ts'
import type { Answered, Asked, Job, Yield } from './job.ts'

/** Most jobs that wait at once: some seconds of signing. Whoever asks more is told `busy`. */
const JOBS_MAX = 256

/** How long the thread outlives its last job when nobody holds it, in milliseconds. */
const LINGER_MS = 2_000

interface Waiting {
  readonly resolve: (result: never) => void
  readonly reject: (error: CryptoError) => void
}

/** One thread for all FALCON work of the process. It starts with the first job and ends when nobody needs it. */
class FalconWorker {
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #linger: NodeJS.Timeout | undefined
  #holders = 0
  #asked = 0

  /** Keeps the thread until the returned function is called; that resolves when a thread nobody needs is gone. */
  hold(): () => Promise<void> {
    clearTimeout(this.#linger)
    this.#holders += 1
    let released = false
    return async () => {
      if (released) return
      released = true
      this.#holders -= 1
      if (this.#isIdle) await this.#end()
    }
  }

  /** @throws {CryptoError} `busy`; `worker-failed`; `bad-key` when a job's key cannot be used. */
  async ask<J extends Job>(job: J): Promise<Yield[J['type']]> {
    if (this.#waiting.size >= JOBS_MAX) {
      throw new CryptoError('busy', `${JOBS_MAX} FALCON jobs are waiting`)
    }
    clearTimeout(this.#linger)
    const worker = (this.#worker ??= this.#tryStart())
    const id = this.#asked++
    const result = new Promise<Yield[J['type']]>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
    })
    // The thread keeps the process alive while an answer is due, and never longer.
    worker.ref()
    const asked: Asked = { id, job }
    worker.postMessage(asked)
    return result
  }

  get #isIdle(): boolean {
    return this.#holders === 0 && this.#waiting.size === 0
  }

  #tryStart(): Worker {
    try {
      return this.#start()
    } catch (cause) {
      throw new CryptoError('worker-failed', 'the FALCON thread cannot start', { cause })
    }
  }

  #start(): Worker {
    // From source this file is TypeScript, and so is the thread beside it.
    const entry = import.meta.url.endsWith('.ts')
      ? new URL('./thread.ts', import.meta.url)
      : new URL('./thread.js', import.meta.url)
    // No flags of the process: a debugger's or a loader's would reach into the thread.
    const worker = new Worker(entry, { name: 'falcon', execArgv: [] })
    worker.unref()
    worker.on('message', (answered: Answered) => {
      this.#settle(answered)
    })
    worker.on('error', (cause) => {
      this.#fail(worker, cause)
    })
    worker.on('exit', () => {
      this.#fail(worker)
    })
    return worker
  }

  #settle(answered: Answered): void {
    const waiting = this.#waiting.get(answered.id)
    this.#waiting.delete(answered.id)
    if (this.#waiting.size === 0) this.#worker?.unref()
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- A job's id brings back that job's result.
    if (answered.ok) waiting?.resolve(answered.result as never)
    else waiting?.reject(new CryptoError('bad-key', 'the FALCON key cannot be used'))
    if (!this.#isIdle) return
    clearTimeout(this.#linger)
    this.#linger = setTimeout(() => void this.#end(), LINGER_MS)
    this.#linger.unref()
  }

  // The next job starts another thread.
  #fail(worker: Worker, cause?: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const lost = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { reject } of lost) {
      reject(new CryptoError('worker-failed', 'the FALCON thread ended', { cause }))
    }
  }

  async #end(): Promise<void> {
    clearTimeout(this.#linger)
    const worker = this.#worker
    this.#worker = undefined
    await worker?.terminate()
  }
}

/** The process's own. */
export const falconWorker: FalconWorker = new FalconWorker()
