/** Sends an image's content, with word of how far it is. */

import type { Kind } from '#model/kind.ts'
import { part } from './addresses.ts'
import { thingFrom, type Thing } from './answers.ts'
import type { Client } from './client.ts'

export type Upload = {
  /** Read once, as fast as the network takes it. */
  readonly content: AsyncIterable<Uint8Array>
  /** Its length, when known. */
  readonly bytes: number | undefined
  readonly project?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes handed to the network so far. */
  readonly onProgress?: (sentBytes: number) => void
}

function counted({ content, onProgress }: Upload): ReadableStream<Uint8Array> {
  const iterator = content[Symbol.asyncIterator]()
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await iterator.next()
        if (done === true) return controller.close()
        sent += value.byteLength
        onProgress?.(sent)
        controller.enqueue(value)
      },
      async cancel() {
        await iterator.return?.()
      },
    },
    { highWaterMark: 1 },
  )
}

/** Resolves when the whole content is stored and checked. Not repeated by itself: the content is read once. */
export async function upload(client: Client, kind: Kind, name: string, upload: Upload): Promise<Thing> {
  const { project, signal, bytes } = upload
  const answer = await client.caller.json(part(kind, name, 'content'), {
    method: 'PUT',
    query: { project },
    body: counted(upload),
    headers: {
      'content-type': 'application/octet-stream',
      ...(bytes === undefined ? {} : { 'content-length': String(bytes) }),
    },
    signal,
    timeoutMs: 0,
  })
  return thingFrom(answer)
}
