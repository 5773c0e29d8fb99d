/** The last so many bytes of a stream. */

export class Ring {
  readonly #most: number
  #chunks: Uint8Array[] = []
  #size = 0

  constructor(most: number) {
    this.#most = most
  }

  push(bytes: Uint8Array) {
    this.#chunks.push(bytes)
    this.#size += bytes.length
    // Joined now and then rather than each time; never more than twice the bound in memory.
    if (this.#size > 2 * this.#most || this.#chunks.length > 1024) this.#join()
  }

  bytes(): Uint8Array {
    this.#join()
    return this.#chunks[0] ?? new Uint8Array()
  }

  #join() {
    const kept = Buffer.concat(this.#chunks)
    const last = Buffer.from(kept.subarray(Math.max(0, kept.length - this.#most)))
    this.#chunks = last.length > 0 ? [last] : []
    this.#size = last.length
  }
}
