/** Reports on their way to one reader. */

import type { Up } from '../port.ts'

/** Gives each item once, in order, to one `for await`; ends after the last when `end` was called. */
export class Queue implements AsyncIterable<Up> {
  readonly #items: Up[] = []
  #at = 0
  #ended = false
  #wake: (() => void) | undefined

  get length() {
    return this.#items.length - this.#at
  }

  push(item: Up) {
    if (this.#ended) return
    this.#items.push(item)
    this.#wake?.()
  }

  end() {
    this.#ended = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator]() {
    while (this.length > 0 || !this.#ended) {
      const item = this.#take()
      if (item !== undefined) yield item
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #take(): Up | undefined {
    if (this.length > 0) return this.#items[this.#at++]
    this.#items.length = 0
    this.#at = 0
    return undefined
  }
}
