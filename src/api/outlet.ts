/** The writing end of one stream of events: in order, with back-pressure, bounded for who reads slowly. */

import type { ServerResponse } from 'node:http'

const mostWaitingBytes = 8 * 1024 * 1024
const lastWordsMs = 5000

export class Outlet {
  readonly #response: ServerResponse
  /** Live events that wait until the first phase is over. */
  #held: string[] | undefined
  #heldBytes = 0
  #isClosed = false
  /** Resolves when the stream is over, for whatever reason. */
  readonly ended: Promise<void>

  constructor(response: ServerResponse) {
    this.#response = response
    this.ended = new Promise((resolve) => {
      response.on('close', () => {
        this.#isClosed = true
        resolve()
      })
      response.on('error', () => resolve())
    })
  }

  hold() {
    this.#held = []
  }

  release() {
    const held = this.#held ?? []
    this.#held = undefined
    this.#heldBytes = 0
    for (const text of held) this.offer(text)
  }

  /** Writes without waiting. Who is too far behind is sent away, and may resume. */
  offer(text: string) {
    if (this.#isClosed) return
    if (this.#held !== undefined) {
      this.#held.push(text)
      this.#heldBytes += text.length
    } else this.#response.write(text)
    if (this.#heldBytes + this.#response.writableLength > mostWaitingBytes)
      this.close('closed', { why: 'this reader is too slow; resume from the last event' })
  }

  /** Writes and waits until there is room for more. */
  async write(text: string): Promise<void> {
    if (this.#isClosed || this.#response.write(text)) return
    await new Promise<void>((resolve) => {
      const go = () => {
        this.#response.off('drain', go)
        this.#response.off('close', go)
        resolve()
      }
      this.#response.on('drain', go)
      this.#response.on('close', go)
    })
  }

  /** Says why as the last event, and ends. */
  close(event: 'expired' | 'closed', data: unknown) {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#held = undefined
    this.#response.end(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    // A reader that never reads would keep the socket for ever.
    const timer = setTimeout(() => this.#response.destroy(), lastWordsMs)
    this.#response.on('close', () => clearTimeout(timer))
  }
}
