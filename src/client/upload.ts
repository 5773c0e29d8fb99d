/** Sends an image's content, with word of how far it is; goes on by itself where the way broke off. */

import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { part } from './addresses.ts'
import { thingFrom, type Thing } from './answers.ts'
import type { Client } from './client.ts'

export type Upload = {
  /** The content from a byte on, read as fast as the network takes it. */
  readonly open: (from: number) => AsyncIterable<Uint8Array>
  /** Its length; absent when it can be read only once, from its beginning: then it is not gone on with. */
  readonly bytes: number | undefined
  readonly project?: string | undefined
  readonly signal?: AbortSignal | undefined
  /** Bytes handed to the network so far, those of earlier attempts included. */
  readonly onProgress?: (sentBytes: number) => void
  /** Told when the way broke off and the upload is about to go on. */
  readonly onBroken?: (why: unknown) => void
  readonly pauseMs?: number
}

/** Attempts in a row that bring nothing further. */
const mostAttempts = 6
const pauseMs = 1_000
const longestPauseMs = 30_000

/** The way broke, or the other side has not noticed yet that it did. What the content is refused for is not of these. */
const ofWay = new Set([
  'start/unreachable',
  'link/lost',
  'host/silent',
  'request/too-many',
  'request/malformed',
  'image/offset',
  'store/failing',
  'bug',
])

function counted({ open, onProgress }: Upload, from: number): ReadableStream<Uint8Array> {
  const iterator = open(from)[Symbol.asyncIterator]()
  let sent = from
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

/** How much of the content is there already, and whether it is an image by now. */
export async function arrival(client: Client, kind: Kind, name: string, project?: string) {
  const ask = { method: 'HEAD', query: { project } } as const
  const { headers } = await client.caller
    .call(part(kind, name, 'content'), ask)
    .catch(async (error: unknown) => {
      // An answer to HEAD has no body that says what is wrong; reading the object does.
      await client.get(kind, name, project)
      throw error instanceof Problem && error.code === 'answer/strange'
        ? new Problem('link/lost', { peer: 'the host' }, { cause: error })
        : error
    })
  return {
    bytes: Number(headers.get('upload-offset') ?? 0),
    isWhole: headers.get('upload-complete') === '?1',
  }
}

/** Everything is there, but it is still being judged and converted: the object itself says how that goes. */
async function settled(
  client: Client,
  kind: Kind,
  name: string,
  { project, signal }: Upload,
): Promise<Thing | undefined> {
  for (;;) {
    const thing = await client.get(kind, name, project)
    if (kind.isReady(thing)) return thing
    if (thing.status.state !== 'uploading' || signal?.aborted === true) return undefined
    await pause(pauseMs, signal)
  }
}

async function sendFrom(
  client: Client,
  kind: Kind,
  name: string,
  { upload, from }: { upload: Upload; from: number },
) {
  const { project, signal, bytes } = upload
  const length = bytes === undefined ? {} : { 'content-length': String(bytes - from) }
  const further = { 'upload-offset': String(from), 'upload-length': String(bytes) }
  const answer = await client.caller.json(part(kind, name, 'content'), {
    method: from === 0 ? 'PUT' : 'PATCH',
    query: { project },
    body: counted(upload, from),
    headers: { 'content-type': 'application/octet-stream', ...length, ...(from === 0 ? {} : further) },
    signal,
    timeoutMs: 0,
  })
  return thingFrom(answer)
}

/** Resolves when the whole content is stored and checked. */
export async function upload(client: Client, kind: Kind, name: string, upload: Upload): Promise<Thing> {
  const { bytes, project, signal, onBroken } = upload
  if (bytes === undefined) return await sendFrom(client, kind, name, { upload, from: 0 })
  let [from, attempts] = [0, 0]
  for (;;) {
    try {
      const there = await arrival(client, kind, name, project)
      const done = attempts > 0 && (there.isWhole || there.bytes >= bytes)
      const thing = done ? await settled(client, kind, name, upload) : undefined
      if (thing !== undefined) return thing
      attempts = there.bytes > from ? 0 : attempts
      from = Math.min(there.bytes, bytes)
      return await sendFrom(client, kind, name, { upload, from })
    } catch (error) {
      attempts += 1
      const isOver = signal?.aborted === true || attempts > mostAttempts
      if (isOver || !(error instanceof Problem) || !ofWay.has(error.code)) throw error
      onBroken?.(error)
      await pause(Math.min(longestPauseMs, (upload.pauseMs ?? pauseMs) * 2 ** (attempts - 1)), signal)
    }
  }
}

const pause = (ms: number, signal: AbortSignal | undefined) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
