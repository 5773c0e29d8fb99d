/** A byte channel in memory: what is written goes to one place, what is pushed is read. */

import { Problem } from '#model/problem.ts'
import type { ByteChannel } from '#drivers/link/port.ts'

/** Bytes that wait for a slow reader before it is dropped. */
const waitingBytes = 1_048_576

export class FakeChannel implements ByteChannel {
  readonly #waiting: Uint8Array[] = []
  #size = 0
  #isDone = false
  #wake: () => void = () => undefined
  readonly #written: (bytes: Uint8Array) => void
  readonly #closed: () => void

  constructor(written: (bytes: Uint8Array) => void, closed: (channel: FakeChannel) => void) {
    this.#written = written
    this.#closed = () => closed(this)
  }

  push(bytes: Uint8Array) {
    if (this.#isDone) return
    this.#waiting.push(bytes)
    this.#size += bytes.length
    if (this.#size > waitingBytes) this.finish()
    this.#wake()
  }

  /** No more will come. */
  finish() {
    this.#isDone = true
    this.#wake()
  }

  get bytes(): AsyncIterable<Uint8Array> {
    return this.#read()
  }

  async *#read() {
    for (;;) {
      const next = this.#waiting.shift()
      if (next !== undefined) {
        this.#size -= next.length
        yield next
      } else if (this.#isDone) return
      else await new Promise<void>((wake) => (this.#wake = wake))
    }
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#isDone) return Promise.reject(new Problem('link/lost', { peer: 'the guest' }))
    this.#written(bytes)
    return Promise.resolve()
  }

  end() {
    // The other side of a serial line never ends by itself; nothing is to be said to it.
  }

  close() {
    this.finish()
    this.#closed()
  }
}
