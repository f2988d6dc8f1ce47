/** Lets so many requests, and so many bytes of them, be on their way at a time; the others wait in their order. */
export interface Window {
  /** Resolves when there is room. `size` is at most the window's own. */
  enter(size: number): Promise<void>
  leave(size: number): void
}

export function createWindow(limits: {
  readonly requests: number
  readonly bytes: number
}): Window {
  const waiting: { readonly size: number; readonly admit: () => void }[] = []
  let requests = 0
  let bytes = 0

  function admitNext(): void {
    for (;;) {
      const [next] = waiting
      if (next === undefined || requests >= limits.requests) return
      if (bytes + next.size > limits.bytes) return
      waiting.shift()
      requests += 1
      bytes += next.size
      next.admit()
    }
  }

  return {
    async enter(size) {
      const { promise, resolve } = Promise.withResolvers<void>()
      waiting.push({ size, admit: resolve })
      admitNext()
      await promise
    },
    leave(size) {
      requests -= 1
      bytes -= size
      admitNext()
    },
  }
}
