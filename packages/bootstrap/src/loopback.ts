import type { Stream } from '@hypermesh/stoq'

/** One direction: a writer waits until what it wrote is read. */
class Pipe {
  #waiting: { readonly bytes: Uint8Array; readonly taken: () => void }[] = []
  #reader: ((bytes: Uint8Array | null) => void) | undefined
  #isEnded = false
  #failure: Error | undefined
  #fail: ((error: Error) => void) | undefined

  read(): Promise<Uint8Array | null> {
    if (this.#failure) return Promise.reject(this.#failure)
    const next = this.#waiting.shift()
    if (next) {
      next.taken()
      return Promise.resolve(next.bytes)
    }
    if (this.#isEnded) return Promise.resolve(null)
    return new Promise((resolve, reject) => {
      this.#reader = resolve
      this.#fail = reject
    })
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    // The writer may use its bytes again once this resolves; the reader keeps what it gets.
    const copy = bytes.slice()
    const reader = this.#reader
    this.#reader = undefined
    if (reader) {
      reader(copy)
      return Promise.resolve()
    }
    return new Promise((taken) => void this.#waiting.push({ bytes: copy, taken }))
  }

  end(): void {
    this.#isEnded = true
    this.#reader?.(null)
    this.#reader = undefined
  }

  reset(): void {
    this.#failure ??= new Error('the stream was reset')
    this.#fail?.(this.#failure)
    for (const { taken } of this.#waiting.splice(0)) taken()
  }
}

/** A stream of a node to itself: what one end writes the other reads. */
export function loopback(protocol: string): readonly [Stream, Stream] {
  const there = new Pipe()
  const back = new Pipe()
  return [streamOver(protocol, back, there), streamOver(protocol, there, back)]
}

function streamOver(protocol: string, input: Pipe, output: Pipe): Stream {
  return {
    protocol,
    read: () => input.read(),
    write: (bytes) => output.write(bytes),
    end: async () => output.end(),
    reset: () => {
      input.reset()
      output.reset()
    },
  }
}
