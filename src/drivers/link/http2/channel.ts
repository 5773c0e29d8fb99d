/** A channel of bytes over one HTTP/2 stream, and the joining of two channels. */

import { once } from 'node:events'
import { constants, type Http2Stream } from 'node:http2'
import { Problem } from '#model/problem.ts'
import type { ByteChannel } from '../port.ts'

const { NGHTTP2_NO_ERROR } = constants

/** Makes Node send RST_STREAM with CANCEL. */
class Broken extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ABORT_ERR'
}

const wasCut = (stream: Http2Stream) => (stream.rstCode ?? NGHTTP2_NO_ERROR) !== NGHTTP2_NO_ERROR

class StreamChannel implements ByteChannel {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly #stream: Http2Stream
  readonly #peer: string
  #isClosed = false

  constructor(stream: Http2Stream, peer: string) {
    this.#stream = stream
    this.#peer = peer
    this.bytes = this.#read()
    // Each failure is told to the one who reads or writes.
    stream.on('error', () => {})
  }

  async write(bytes: Uint8Array) {
    const stream = this.#stream
    if (this.#isClosed || !stream.writable) throw this.#lost()
    if (stream.write(bytes)) return
    const waiting = new AbortController()
    const { signal } = waiting
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(() => {})
    waiting.abort()
    if (stream.destroyed) throw this.#lost()
  }

  end() {
    this.#stream.end()
  }

  /** After `end`, what was written still arrives and only the other way is broken off (RFC 9113 §8.1). */
  close() {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#stream.writableEnded) this.#stream.close(NGHTTP2_NO_ERROR)
    // Not `close(NGHTTP2_CANCEL)`: Node would first say the regular end, and a part pass for the whole.
    else this.#stream.destroy(new Broken())
  }

  async *#read() {
    try {
      yield* this.#stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>
    } catch (cause) {
      if (!this.#isClosed) throw this.#lost(cause)
    }
    // A reset that came with the last bytes must not pass for their end.
    if (!this.#isClosed && wasCut(this.#stream)) throw this.#lost()
  }

  #lost(cause?: unknown) {
    return new Problem('link/lost', { peer: this.#peer }, { cause })
  }
}

export const channelOf = (stream: Http2Stream, peer: string): ByteChannel => new StreamChannel(stream, peer)

/** Carries everything from one channel to another and its end as well; a failure closes both. */
async function pour(from: ByteChannel, to: ByteChannel) {
  try {
    for await (const bytes of from.bytes) await to.write(bytes)
    to.end()
  } catch {
    from.close()
    to.close()
  }
}

/** Joins what the agent opened to the stream that asked for it, until both are done. */
export function join(stream: Http2Stream, inner: ByteChannel) {
  if (stream.destroyed) return inner.close()
  const outer = channelOf(stream, 'controller')
  const down = pour(outer, inner)
  let isUpDone = false
  void pour(inner, outer).then(() => {
    isUpDone = true
  })
  stream.once('close', () => {
    if (wasCut(stream)) inner.close()
    // The last bytes may still be on their way into what the agent opened.
    else void down.then(() => isUpDone || inner.close())
  })
}
