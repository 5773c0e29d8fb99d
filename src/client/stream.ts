/** Server-sent events (WHATWG HTML, section 9.2) read from a stream of bytes. */

import { Problem } from '#model/problem.ts'

export type ServerEvent = { readonly id: string | undefined; readonly event: string; readonly data: string }

/** One event is one object at most, and an object has half a mebibyte at most. */
const longestEvent = 4 * 1024 * 1024

/** Gathers lines into events; an empty line ends one. */
class Gathering {
  #id: string | undefined
  #event = 'message'
  #data: string[] = []
  #size = 0

  take(line: string): ServerEvent | undefined {
    if (line === '') return this.#finish()
    this.#size += line.length
    if (this.#size > longestEvent) throw endless()
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.#data.push(value)
    else if (field === 'event') this.#event = value
    else if (field === 'id' && !value.includes('\0')) this.#id = value
    return undefined
  }

  #finish(): ServerEvent | undefined {
    const event = { id: this.#id, event: this.#event, data: this.#data.join('\n') }
    const isEmpty = this.#data.length === 0
    this.#id = undefined
    this.#event = 'message'
    this.#data = []
    this.#size = 0
    return isEmpty ? undefined : event
  }
}

const endless = () => new Problem('answer/strange', { why: 'an event without end' })

/**
 * Yields each whole event. What a cut leaves unfinished is dropped: the server sends it again on resuming.
 * `onBytes` is told of each arrival, comments included, so that silence can be noticed.
 */
export async function* serverEvents(
  bytes: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  const gathering = new Gathering()
  const reader = bytes.getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      onBytes()
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      if (rest.length > longestEvent) throw endless()
      yield* lines.map((line) => gathering.take(line)).filter((event) => event !== undefined)
    }
  } finally {
    // The connection is let go even when nobody reads on.
    void reader.cancel().catch(() => {})
  }
}
