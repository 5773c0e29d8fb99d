/** Turns: what may happen together, and what must happen alone, within this controller. */

/** Many pass together, or one passes alone; who waits to be alone is not overtaken. */
export class Gate {
  #inside = 0
  #isAlone = false
  readonly #waiting: { readonly isAlone: boolean; readonly enter: () => void }[] = []

  together<T>(act: () => Promise<T>): Promise<T> {
    return this.#pass(false, act)
  }

  alone<T>(act: () => Promise<T>): Promise<T> {
    return this.#pass(true, act)
  }

  async #pass<T>(isAlone: boolean, act: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#isFree(isAlone))
      await new Promise<void>((enter) => this.#waiting.push({ isAlone, enter }))
    else this.#enter(isAlone)
    try {
      return await act()
    } finally {
      this.#leave()
    }
  }

  #isFree(isAlone: boolean) {
    return !this.#isAlone && (!isAlone || this.#inside === 0)
  }

  #enter(isAlone: boolean) {
    this.#inside++
    this.#isAlone = isAlone
  }

  #leave() {
    this.#inside--
    this.#isAlone = false
    for (;;) {
      const next = this.#waiting[0]
      if (next === undefined || !this.#isFree(next.isAlone)) return
      this.#waiting.shift()
      this.#enter(next.isAlone)
      next.enter()
    }
  }
}

/** One at a time for each key, in order of arrival. */
export class Queues {
  readonly #last = new Map<string, Promise<unknown>>()

  async inTurn<T>(key: string, act: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve()
    const mine = before.then(act, act)
    const settled = mine.catch(() => undefined)
    this.#last.set(key, settled)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key)
    }
  }
}
