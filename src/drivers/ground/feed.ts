/** What happened lately, in order, in memory, for any number of readers who each keep their own place. */

type Happened = { readonly revision: number }

/**
 * Holds the newest items of a history whose older part may live elsewhere. Revisions rise by one, so that
 * a place is found without searching.
 */
export class Feed<Item extends Happened> {
  readonly #keep: number
  #items: Item[] = []
  #start = 0
  #revision: number
  #forgotten: number
  #waiting = new Set<() => void>()

  /** Starts after `revision`; `keep` bounds the items held here. */
  constructor({ revision, keep }: { revision: number; keep: number }) {
    this.#revision = revision
    this.#forgotten = revision
    this.#keep = keep
  }

  /** Revision of the newest item. */
  get revision() {
    return this.#revision
  }

  /** Everything after this revision is held here. */
  get forgotten() {
    return this.#forgotten
  }

  push(item: Item) {
    this.#items.push(item)
    this.#revision = item.revision
    if (this.#items.length - this.#start > this.#keep) this.forget(this.#forgotten + 1)
    this.#wake()
  }

  /** Lets go of the items up to and including a revision. */
  forget(through: number) {
    const until = Math.min(through, this.#revision)
    while (this.#forgotten < until) {
      this.#start += 1
      this.#forgotten += 1
    }
    if (this.#start < 1024 && this.#start < this.#items.length) return
    this.#items = this.#items.slice(this.#start)
    this.#start = 0
  }

  /** Up to `most` items after a revision, which must not be forgotten. */
  after(revision: number, most: number): readonly Item[] {
    const from = this.#start + (revision - this.#forgotten)
    return this.#items.slice(from, from + most)
  }

  /** Resolves when there is an item after `revision`, when it closes, or when the signal aborts. */
  async moved(revision: number, signal: AbortSignal): Promise<void> {
    if (this.#revision > revision || signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.#waiting.delete(wake)
        resolve()
      }
      signal.addEventListener('abort', wake, { once: true })
      this.#waiting.add(wake)
    })
  }

  /** Wakes everybody, for a reason other than an item. */
  close() {
    this.#wake()
  }

  #wake() {
    for (const wake of this.#waiting) wake()
  }
}
