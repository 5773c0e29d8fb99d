/** A channel of bytes over one HTTP/2 stream, and the joining of two channels. */

import { once } from 'node:events'
import { constants, type Http2Stream } from 'node:http2'
import { Problem } from '#model/problem.ts'
import type { ByteChannel } from '../port.ts'
import { endTelling, type Incoming } from './ending.ts'

const { NGHTTP2_NO_ERROR } = constants

/** Over a stream made with `withEnding`. */
export class StreamChannel implements ByteChannel {
  readonly bytes: AsyncIterable<Uint8Array>
  readonly #stream: Http2Stream
  readonly #incoming: Incoming
  #writtenBytes = 0
  #told: Promise<void> | undefined
  #isClosed = false

  constructor(stream: Http2Stream, incoming: Incoming) {
    this.#stream = stream
    this.#incoming = incoming
    this.bytes = incoming.bytes
    // Each failure is told to the one who reads or writes.
    stream.on('error', () => {})
  }

  async write(bytes: Uint8Array) {
    const stream = this.#stream
    if (this.#isClosed || !stream.writable) throw this.#lost()
    this.#writtenBytes += bytes.length
    if (stream.write(bytes)) return
    const waiting = new AbortController()
    const { signal } = waiting
    await Promise.race([once(stream, 'drain', { signal }), once(stream, 'close', { signal })]).catch(() => {})
    waiting.abort()
    if (stream.destroyed) throw this.#lost()
  }

  end() {
    this.#told ??= endTelling(this.#stream, this.#writtenBytes)
  }

  /** After `end`, what was written still arrives and only the other way is broken off (RFC 9113 §8.1). */
  close() {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#incoming.leave()
    if (this.#told === undefined) return void this.#stream.destroy(new Error('closed before its end'))
    void this.#told.then(() => this.#stream.close(NGHTTP2_NO_ERROR))
    // A stream with bytes that nobody reads would never close.
    this.#stream.removeAllListeners('readable')
    this.#stream.resume()
  }

  #lost() {
    return new Problem('link/lost', { peer: this.#incoming.peer })
  }
}

/**
 * Joins what the agent opened to the stream that asked for it, until both ways are done. A way that breaks
 * breaks the other, but an inner channel that takes no more may first say why, and what was sent whole is
 * still written when the stream is gone.
 */
export function join(stream: Http2Stream, incoming: Incoming, inner: ByteChannel) {
  const outer = new StreamChannel(stream, incoming)
  let isBroken = false
  const breakBoth = () => {
    if (isBroken) return
    isBroken = true
    outer.close()
    inner.close()
  }
  const pour = async (from: ByteChannel, to: Pick<ByteChannel, 'write' | 'end'>) => {
    try {
      for await (const bytes of from.bytes) await to.write(bytes)
      // A channel closed here ends quietly as well, and must not pass for one that ended.
      if (!isBroken) to.end()
    } catch {
      breakBoth()
    }
  }
  const gone = new Promise((resolve) => stream.once('close', resolve))
  let isUpDone = false
  const up = pour(inner, outer).then(() => {
    isUpDone = true
  })
  const write = (bytes: Uint8Array) =>
    inner.write(bytes).catch(async (cause: unknown) => {
      await Promise.race([up, gone])
      throw cause
    })
  const down = pour(outer, { write, end: () => inner.end() })
  void gone.then(async () => {
    if (!incoming.isWhole) return breakBoth()
    await down
    if (!isUpDone) breakBoth()
  })
}
