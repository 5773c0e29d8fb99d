/** Server-sent events (WHATWG HTML, section 9.2) read from a stream of bytes. */

import { Problem } from '#model/problem.ts'

export type ServerEvent = { readonly id: string | undefined; readonly event: string; readonly data: string }

/** One event is one object at most, and an object has half a mebibyte at most. */
const longestEvent = 4 * 1024 * 1024

type Draft = { id: string | undefined; event: string; data: string[] }

const blank = (): Draft => ({ id: undefined, event: 'message', data: [] })

function note(draft: Draft, line: string) {
  const colon = line.indexOf(':')
  const field = colon < 0 ? line : line.slice(0, colon)
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
  if (field === 'data') draft.data.push(value)
  else if (field === 'event') draft.event = value
  else if (field === 'id' && !value.includes('\0')) draft.id = value
}

/**
 * Yields each whole event. What a cut leaves unfinished is dropped: the server sends it again on resuming.
 * `onBytes` is told of each arrival, comments included, so that silence can be noticed.
 */
export async function* serverEvents(
  bytes: ReadableStream<Uint8Array>,
  onBytes: () => void = () => {},
): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  const reader = bytes.getReader()
  let [rest, draft] = ['', blank()]
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      onBytes()
      const lines = (rest + decoder.decode(value, { stream: true })).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop() ?? ''
      if (rest.length > longestEvent) throw new Problem('answer/strange', { why: 'an event without end' })
      for (const line of lines) {
        if (line !== '') note(draft, line)
        else {
          if (draft.data.length > 0) yield { ...draft, data: draft.data.join('\n') }
          draft = blank()
        }
      }
    }
  } finally {
    // The connection is let go even when nobody reads on.
    void reader.cancel().catch(() => {})
  }
}
