/**
 * The content of an image, streamed to the host that keeps it. Nothing is kept here. How an upload goes on follows
 * draft-ietf-httpbis-resumable-upload: HEAD tells `Upload-Offset`, PATCH continues there, `Upload-Length` is the whole.
 */

import { Readable } from 'node:stream'
import { z } from 'zod'
import { isObject } from '#base/json.ts'
import { problems } from '#model/catalogue/problems.ts'
import { limits } from '#model/limits.ts'
import { reason } from '#model/plan.ts'
import { Problem, type ProblemCode } from '#model/problem.ts'
import { refused } from '#engines/admission/refusal.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import { image, type ImageDocument } from '#kinds/image/schema.ts'
import { Facts } from '#model/condition.ts'
import { foundFor, projectOf, type Address } from './address.ts'
import type { Room } from './api.ts'
import { subjectOf } from './change.ts'
import { mannerFrom, sent } from './outcome.ts'
import { onlyKnown } from './query.ts'
import { outboxed, recordOf } from './records.ts'
import type { Answer, Call, Route } from './route.ts'
import { kindNamed } from '#kinds/registry.ts'
import { present } from '#base/assert.ts'

const hostWaitMs = 15_000
const silenceMs = 60_000
const longestResult = 65_536

export const contentRoute = (room: () => Room): Route => ({
  kind: image.name,
  method: 'PUT',
  path: '/api/v1/images/:name/content',
  summary: 'Send the content of an image (application/octet-stream)',
  role: 'operator',
  scope: 'object',
  isChange: true,
  action: 'image.content',
  takes: 'bytes',
  answers: 'The image',
  handle: (call) => receive(room(), call, wholeFrom(call)),
})

export const continueRoute = (room: () => Room): Route => ({
  ...contentRoute(room),
  method: 'PATCH',
  summary: 'Go on with the content of an image at `Upload-Offset` (of `Upload-Length`)',
  handle: (call) => receive(room(), call, partFrom(call)),
})

type Part = { readonly bytes: number | null; readonly offset: number; readonly total: number | null }

function wholeFrom({ request }: Call): Part {
  const bytes = declared(request.headers['content-length'])
  return { bytes, offset: 0, total: bytes }
}

function partFrom({ request }: Call): Part {
  const { headers } = request
  const bytes = declared(headers['content-length'])
  const offset = declared(headers['upload-offset']?.toString())
  if (offset === null) throw new Problem('request/malformed', { why: 'Upload-Offset is missing' })
  const total = declared(headers['upload-length']?.toString()) ?? (bytes === null ? null : offset + bytes)
  if (total !== null && offset + (bytes ?? 0) > total)
    throw new Problem('request/malformed', { why: 'the part is longer than Upload-Length allows' })
  return { bytes, offset, total }
}

/** How much of a content is here: what HEAD answers. */
export async function arrived(room: Room, document: ImageDocument): Promise<Answer> {
  const { status, host, id, name } = document
  if (status.state === 'ready') return { status: 200, headers: { 'upload-complete': '?1' } }
  if (host === null) throw new Problem('image/content-missing', { name })
  const said = parsed(Buffer.from(await room.desk.ask(host, { ask: 'landed', image: id })).toString())
  const offset = isObject(said) && typeof said.receivedBytes === 'number' ? said.receivedBytes : 0
  return { status: 200, headers: { 'upload-complete': '?0', 'upload-offset': String(offset) } }
}

async function receive(room: Room, call: Call, part: Part): Promise<Answer> {
  const { caller, query, params, route } = call
  // Nothing may be missing any more but the word that it is whole.
  const body = part.bytes === 0 ? Readable.from([]) : call.body
  onlyKnown(query, ['project', 'wait'])
  const { waitSeconds } = mannerFrom(query)
  const kind = present(kindNamed(image.name), 'images are a kind')
  const address: Address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
  const { document } = foundFor(room, caller, address, 'operator')
  if (!(body instanceof Readable)) throw new Problem('request/media-type', { type: 'none' })
  const host = await hostOf(room, document as ImageDocument)
  const { desk } = room
  const record = recordOf(desk, caller, {
    action: route.action,
    subject: subjectOf(document),
    outcome: 'done',
  })
  await desk.replica.commit([outboxed(record)])
  caller.isRecorded = true
  desk.audited()
  const channel = await desk.open(host, { open: 'content', image: document.id, ...part })
  const { isWhole } = await poured(body, channel)
  const isReady = () => {
    const now = foundFor(room, caller, address, 'operator')
    return (now.document as ImageDocument).status.state === 'ready' ? now : undefined
  }
  const settled =
    waitSeconds === undefined || !isWhole
      ? undefined
      : await room.waiting.until({ kind: image.name, id: document.id }, isReady, waitSeconds * 1000)
  return sent(room, caller, { stored: settled ?? foundFor(room, caller, address, 'operator') })
}

function declared(header: string | undefined): number | null {
  if (header === undefined) return null
  if (!/^\d{1,16}$/.test(header))
    throw new Problem('request/malformed', { why: 'a length is no whole number' })
  const bytes = Number(header)
  if (bytes > limits.uploadBytes) throw new Problem('request/too-large', { limit: limits.uploadBytes })
  return bytes
}

/** The host that will keep it; waits a moment for one to be chosen when the image is new. */
async function hostOf(room: Room, document: ImageDocument): Promise<string> {
  const { name, id } = document
  const chosen = await room.waiting.until(
    { kind: image.name, id },
    (stored) => {
      if (stored === undefined) throw new Problem('object/not-found', { kind: image.name, name })
      const { host, status, deletingAtMs } = stored.document as ImageDocument
      if (deletingAtMs !== null) throw new Problem('object/deleting', { kind: image.name, name })
      // A way that broke off may not be noticed over there yet; the host says when it is not free.
      const isFree = ['pending', 'waiting', 'uploading'].includes(status.state)
      if (!isFree) throw new Problem('image/not-waiting', { name, state: status.state })
      return host !== null && status.state !== 'pending' ? host : undefined
    },
    hostWaitMs,
  )
  const last = chosen ?? room.desk.replica.get(image.name, id)?.document.host ?? undefined
  if (last === undefined) throw refused(reason('image/no-host'))
  return last
}

/** Pours a body into a channel, no faster than it drains, and hears what came of it. */
export async function poured(body: Readable, channel: ByteChannel): Promise<{ readonly isWhole: boolean }> {
  const verdict = resultOf(channel)
  // Heard first when the agent refuses early; the rest of the body is then not read.
  const early = verdict.then(
    () => undefined,
    () => undefined,
  )
  let isAnswered = false
  void early.then(() => (isAnswered = true))
  let timer: ReturnType<typeof setTimeout> | undefined
  const alive = () => {
    clearTimeout(timer)
    timer = setTimeout(() => body.destroy(new Error('no bytes for too long')), silenceMs)
  }
  let sentBytes = 0
  try {
    alive()
    // Not destroyed when left early: the sender shall see the answer.
    for await (const chunk of body.iterator({ destroyOnReturn: false })) {
      alive()
      if (isAnswered) break
      sentBytes += chunk.length
      if (sentBytes > limits.uploadBytes)
        throw new Problem('request/too-large', { limit: limits.uploadBytes })
      await Promise.race([channel.write(chunk), early])
    }
    clearTimeout(timer)
    channel.end()
    return await verdict
  } catch (error) {
    channel.close()
    if (error instanceof Problem && !(isAnswered && error.code === 'link/lost')) throw error
    await verdict
    throw new Problem('request/malformed', { why: 'the body was cut off' }, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

const Refusal = z.object({ code: z.string(), facts: Facts.default({}), field: z.string().optional() })

/** Reads the one line with which the agent answers; rejects with its problem. */
async function resultOf(channel: ByteChannel): Promise<{ readonly isWhole: boolean }> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of channel.bytes) {
    bytes += chunk.length
    if (bytes > longestResult) break
    chunks.push(chunk)
  }
  const said = parsed(Buffer.concat(chunks).toString())
  if (isObject(said) && said.ok === true) return { isWhole: said.isWhole !== false }
  throw refusalFrom(said)
}

/** The problem that an agent answers with. */
export function refusalFrom(said: unknown): Problem {
  const refusal = Refusal.safeParse(isObject(said) ? (said.problem ?? said) : undefined)
  if (!refusal.success || !isCode(refusal.data.code)) return new Problem('link/lost', { peer: 'the host' })
  return new Problem(refusal.data.code, refusal.data.facts)
}

const isCode = (code: string): code is ProblemCode => Object.hasOwn(problems, code)

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
