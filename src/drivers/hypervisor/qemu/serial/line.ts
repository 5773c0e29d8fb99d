/**
 * A guest's serial line: one connection to QEMU, what was said of late, and any number of viewers.
 * It is always read at once, so that no viewer can stall the guest.
 */

import type { Socket } from 'node:net'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import { Ring } from './ring.ts'
import { Viewer, writeTo } from './channel.ts'

export class SerialLine {
  readonly #ring = new Ring(limits.serialKeepBytes)
  readonly #viewers = new Set<Viewer>()
  #socket: Socket | undefined
  /** The end of what was said, in which the awaited word may stand. */
  #tail = ''
  #awaited = ''
  #seen: () => void = () => undefined

  /** From now on the line is this socket; `seen` is called once when the guest says its word. */
  attach(socket: Socket, word: string, seen: () => void) {
    this.detach()
    this.#socket = socket
    this.#awaited = word === '' ? '' : `decant-proof: ${word}`
    this.#tail = ''
    this.#seen = seen
    socket.on('error', () => undefined)
    socket.on('data', (bytes: Buffer) => this.#take(bytes))
    socket.once('close', () => {
      if (this.#socket === socket) this.detach()
    })
  }

  /** Lets go of the guest; viewers read what waits and then end. */
  detach() {
    this.#socket?.destroy()
    this.#socket = undefined
    for (const viewer of this.#viewers) viewer.finish()
    this.#viewers.clear()
  }

  /** What was kept. */
  log(): Uint8Array {
    return this.#ring.bytes()
  }

  /** What was kept, then what comes. */
  view(): ByteChannel {
    const viewer = new Viewer(
      limits.serialLagBytes,
      (bytes) => this.#write(bytes),
      (left) => this.#viewers.delete(left),
    )
    const kept = this.#ring.bytes()
    if (kept.length > 0) viewer.push(kept)
    this.#viewers.add(viewer)
    return viewer
  }

  #write(bytes: Uint8Array): Promise<void> {
    if (this.#socket === undefined) return Promise.reject(new Problem('link/lost', { peer: 'the guest' }))
    return writeTo(this.#socket, bytes)
  }

  #take(bytes: Buffer) {
    this.#ring.push(bytes)
    for (const viewer of this.#viewers) viewer.push(bytes)
    if (this.#awaited !== '') this.#look(bytes)
  }

  #look(bytes: Buffer) {
    const text = this.#tail + bytes.toString('latin1')
    if (isLineIn(text, this.#awaited)) {
      this.#awaited = ''
      this.#seen()
    }
    this.#tail = text.slice(-2 * this.#awaited.length - 2)
  }
}

/** Whether a text has a whole line that ends in these words; the kernel may have written before them. */
const isLineIn = (text: string, words: string) => text.includes(`${words}\r`) || text.includes(`${words}\n`)
