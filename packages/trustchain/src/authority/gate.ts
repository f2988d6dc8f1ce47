/** Lets many pass together, or one alone. Whoever wants to be alone waits for those inside; later ones wait for it. */
export class Gate {
  #inside = new Set<Promise<unknown>>()
  #alone: Promise<unknown> = Promise.resolve()

  async shared<T>(act: () => Promise<T>): Promise<T> {
    let alone: Promise<unknown>
    // Someone else may have closed the gate while this one waited.
    do {
      alone = this.#alone
      await alone
    } while (alone !== this.#alone)
    const passing = act()
    const passed = settled(passing)
    this.#inside.add(passed)
    void passed.then(() => this.#inside.delete(passed))
    return passing
  }

  exclusive<T>(act: () => Promise<T>): Promise<T> {
    const before = this.#alone
    const passing = (async () => {
      await before
      await Promise.all(this.#inside)
      return act()
    })()
    this.#alone = settled(passing)
    return passing
  }
}

async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => undefined)
}
