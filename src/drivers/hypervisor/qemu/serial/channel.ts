/** A byte channel with a bounded queue between whoever brings bytes and one reader. */

import type { Socket } from 'node:net'
import { Problem } from '#model/problem.ts'
import type { ByteChannel } from '#drivers/link/port.ts'

export type Writer = (bytes: Uint8Array) => Promise<void>

/** Bytes that wait longer than the bound allows end the channel: a slow viewer never holds up the guest. */
export class Viewer implements ByteChannel {
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #isDone = false
  #wake: () => void = () => undefined
  readonly #most: number
  readonly #write: Writer
  readonly #left: (viewer: Viewer) => void

  constructor(most: number, write: Writer, left: (viewer: Viewer) => void) {
    this.#most = most
    this.#write = write
    this.#left = left
  }

  push(bytes: Uint8Array) {
    if (this.#isDone) return
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > this.#most) this.close()
    this.#wake()
  }

  /** No more will come; what waits can still be read. */
  finish() {
    this.#isDone = true
    this.#wake()
  }

  get bytes(): AsyncIterable<Uint8Array> {
    return this.#read()
  }

  async *#read() {
    for (;;) {
      const ready = this.#waiting
      this.#waiting = []
      this.#waitingBytes = 0
      yield* ready
      if (this.#waiting.length > 0) continue
      if (this.#isDone) return
      await new Promise<void>((wake) => (this.#wake = wake))
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#isDone) throw new Problem('link/lost', { peer: 'the guest' })
    await this.#write(bytes)
  }

  end() {
    // A guest's line never ends by itself; nothing is to be said to it.
  }

  close() {
    this.finish()
    this.#left(this)
  }
}

/** Writes to a socket; resolves when the bytes were handed on, rejects with `link/lost` when it is closed. */
export const writeTo = (socket: Socket, bytes: Uint8Array) =>
  new Promise<void>((done, fail) => {
    if (socket.destroyed) return fail(new Problem('link/lost', { peer: 'the guest' }))
    socket.write(bytes, (error) =>
      error === undefined || error === null
        ? done()
        : fail(new Problem('link/lost', { peer: 'the guest' }, { cause: error })),
    )
  })

/** A socket as a channel: it is read only as fast as the reader takes. */
export function socketChannel(socket: Socket): ByteChannel {
  socket.on('error', () => undefined)
  return {
    bytes: bytesOf(socket),
    write: (bytes) => writeTo(socket, bytes),
    end: () => socket.end(),
    close: () => socket.destroy(),
  }
}

async function* bytesOf(socket: Socket): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of socket) yield bytes as Uint8Array
  } catch {
    // A broken connection ends the reading like a closed one.
  }
}
