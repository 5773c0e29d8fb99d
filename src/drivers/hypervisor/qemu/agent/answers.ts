/** What comes from an agent, cut into answers. Nothing grows beyond its bound, however much is said. */

import { isObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { Overlong } from './conversation.ts'

export type Line = { readonly message: Record<string, unknown> } | { readonly overlong: Overlong }
type Next = Line | 'broken' | 'ended'

/** More than this is no answer any more but a flood. */
const floodBytes = 16 * limits.agentAnswerBytes
/** A question has one answer, after perhaps a few late ones to others. */
const mostLines = 64
const tailBytes = 4096
const lineEnd = 10
const mark = 0xff

export class Answers {
  #parts: Buffer[] = []
  #bytes = 0
  #tail = Buffer.alloc(0)
  #isMarkAwaited = false
  #isOver = false
  /** What came since the last question. */
  #heard = { bytes: 0, lines: 0 }
  #waiting: ((next: Next) => void) | undefined
  /** At most one: nobody asks twice without hearing the first answer. */
  #ready: Next | undefined

  /** A question is put now: so much may be said to it. */
  expect() {
    this.#heard = { bytes: 0, lines: 0 }
  }

  /** Throws away everything up to the mark that precedes the answer to a sync. */
  awaitMark() {
    this.#isMarkAwaited = true
    this.#clear()
    this.#ready = this.#isOver ? 'ended' : undefined
  }

  next(): Promise<Next> {
    if (this.#ready !== undefined) {
      const ready = this.#ready
      if (ready !== 'broken' && ready !== 'ended') this.#ready = undefined
      return Promise.resolve(ready)
    }
    return new Promise((resolve) => (this.#waiting = resolve))
  }

  /** Whether more may come; else it talks without an end, and is not worth listening to (I-46). */
  push(bytes: Buffer): boolean {
    let rest = bytes
    this.#heard.bytes += bytes.length
    if (this.#heard.bytes > floodBytes) return this.#drown()
    if (this.#isMarkAwaited) {
      const at = rest.lastIndexOf(mark)
      if (at < 0) return true
      this.#isMarkAwaited = false
      rest = rest.subarray(at + 1)
    }
    for (let end = rest.indexOf(lineEnd); end >= 0; end = rest.indexOf(lineEnd)) {
      if (++this.#heard.lines > mostLines) return this.#drown()
      this.#keep(rest.subarray(0, end))
      this.#tell()
      rest = rest.subarray(end + 1)
    }
    this.#keep(rest)
    return true
  }

  end() {
    this.#isOver = true
    this.#give('ended')
  }

  #drown(): boolean {
    this.#clear()
    this.#give('broken')
    return false
  }

  #keep(bytes: Buffer) {
    if (bytes.length === 0) return
    if (this.#bytes < limits.agentAnswerBytes)
      this.#parts.push(bytes.subarray(0, limits.agentAnswerBytes - this.#bytes))
    this.#bytes += bytes.length
    if (this.#bytes > limits.agentAnswerBytes)
      this.#tail = Buffer.concat([this.#tail, bytes.subarray(-tailBytes)]).subarray(-tailBytes)
  }

  #tell() {
    const text = Buffer.concat(this.#parts).toString('utf8')
    const isWhole = this.#bytes <= limits.agentAnswerBytes
    const tail = this.#tail.toString('latin1')
    this.#clear()
    if (text.trim() === '') return
    if (!isWhole) return this.#give({ overlong: { head: text, tail } })
    const message = messageFrom(text)
    this.#give(message === undefined ? 'broken' : { message })
  }

  #clear() {
    this.#parts = []
    this.#bytes = 0
    this.#tail = Buffer.alloc(0)
  }

  #give(next: Next) {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting === undefined) this.#ready = next
    else waiting(next)
  }
}

function messageFrom(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.replaceAll('\ufffd', ''))
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
