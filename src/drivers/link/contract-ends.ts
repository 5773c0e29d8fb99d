/** Ends of links and channels as tests hold them. */

import { Problem } from '#model/problem.ts'
import type { ByteChannel } from './port.ts'

/** Reads one item at a time, so that a test can wait for what it expects. */
export const readerOf = <T>(items: AsyncIterable<T>) => {
  const iterator = items[Symbol.asyncIterator]()
  return async (): Promise<T | undefined> => (await iterator.next()).value as T | undefined
}

/** Two ends of a channel without a buffer to speak of: what an agent gives the link, and what it keeps. */
export function channelPair(): readonly [ByteChannel, ByteChannel] {
  const [there, back] = [new TransformStream<Uint8Array>(), new TransformStream<Uint8Array>()]
  const writers = [there.writable.getWriter(), back.writable.getWriter()] as const
  const close = () => {
    for (const writer of writers) writer.abort(new Problem('link/lost', { peer: 'pair' })).catch(() => {})
    // Frees a write that waits for a reader who never came.
    for (const { readable } of [there, back]) readable.cancel().catch(() => {})
  }
  const face = (writer: WritableStreamDefaultWriter<Uint8Array>, bytes: AsyncIterable<Uint8Array>) => ({
    bytes,
    write: (piece: Uint8Array) => writer.write(piece),
    end: () => void writer.close().catch(() => {}),
    close,
  })
  return [face(writers[0], back.readable), face(writers[1], there.readable)]
}
