/**
 * The end of a stream as its sender tells it: trailers that count its bytes.
 *
 * To its reader Node ends a stream that was reset, or whose connection went, in the same way as a whole one
 * (RST_STREAM with NO_ERROR, `destroy` without an error), and breaks off one that was whole when a reset
 * comes before its last bytes are read. So neither is believed: what was told and counted alone is whole.
 */

import { constants, type Http2Session, type Http2Stream } from 'node:http2'
import { Problem } from '#model/problem.ts'

const trailer = 'decant-bytes'

/** For `request` and `respond`: the stream ends only with `endTelling`. */
export const withEnding = { waitForTrailers: true }

/** Ends the stream, on which so many bytes were written; resolves when that was handed on, or came to nothing. */
export function endTelling(stream: Http2Stream, bytes: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  stream.once('wantTrailers', () => {
    stream.sendTrailers({ [trailer]: String(bytes) })
    // Node hands them on in an immediate of its own.
    setImmediate(resolve)
  })
  stream.once('close', resolve)
  stream.end()
  return promise
}

/** What comes in on a stream; to be made as soon as the stream is there, or the end may have been missed. */
export class Incoming {
  readonly peer: string
  /** Throws `link/lost` unless all came that was told; ends quietly once left. */
  readonly bytes: AsyncIterable<Buffer>
  readonly #stream: Http2Stream
  #told: unknown
  #count = 0
  #isLeft = false

  constructor(stream: Http2Stream, peer: string) {
    this.peer = peer
    this.#stream = stream
    this.bytes = this.#read()
    stream.once('trailers', (headers) => (this.#told = headers[trailer]))
  }

  /** Whether all that the other side sent has been read, and no cut came before its end. */
  get isWhole() {
    return this.#told === String(this.#count)
  }

  leave() {
    this.#isLeft = true
  }

  async *#read() {
    let cause: unknown
    try {
      for await (const chunk of this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        this.#count += chunk.length
        if (!this.#isLeft) yield chunk
      }
    } catch (error) {
      cause = error
    }
    if (!this.#isLeft && !this.isWhole) throw new Problem('link/lost', { peer: this.peer }, { cause })
  }
}

/** Ends a session at once, with a code that tells each of its streams that it was broken. */
export const breakOff = (http: Http2Session) =>
  http.destroy(new Error('broken off'), constants.NGHTTP2_CANCEL)
