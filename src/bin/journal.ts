/** What one program writes, kept in a file that never grows beyond its bound: one before, one now. */

import { appendFileSync, renameSync, statSync } from 'node:fs'

/** Enough for weeks of what is worth a line, small enough to read and to send to somebody. */
const mostBytes = 4 * 2 ** 20

export class Journal {
  readonly file: string
  #bytes: number
  #tail = ''

  constructor(file: string) {
    this.file = file
    this.#bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  }

  /** The last that was written, for telling why a program died; at most 2000 characters. */
  get tail() {
    return this.#tail
  }

  write(text: string) {
    this.#tail = (this.#tail + text).slice(-2000)
    try {
      if (this.#bytes > mostBytes) {
        renameSync(this.file, `${this.file}.before`)
        this.#bytes = 0
      }
      appendFileSync(this.file, text, { mode: 0o600 })
      this.#bytes += Buffer.byteLength(text)
    } catch {
      // A full disk must not end the supervisor (I-15); the tail in memory still tells.
    }
  }
}
