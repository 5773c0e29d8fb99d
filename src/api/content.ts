/** The content of an image, streamed to the host that keeps it. Nothing is kept here. */

import { Readable } from 'node:stream'
import { z } from 'zod'
import { isObject } from '#base/json.ts'
import { problems } from '#model/catalogue/problems.ts'
import { limits } from '#model/limits.ts'
import { reason } from '#model/plan.ts'
import { Problem, type ProblemCode } from '#model/problem.ts'
import { refused } from '#engines/admission/admit.ts'
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
  handle: (call) => receive(room(), call),
})

async function receive(room: Room, call: Call): Promise<Answer> {
  const { caller, query, params, body, request, route } = call
  onlyKnown(query, ['project', 'wait'])
  const { waitSeconds } = mannerFrom(query)
  const kind = present(kindNamed(image.name), 'images are a kind')
  const address: Address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
  const { document } = foundFor(room, caller, address, 'operator')
  const bytes = declared(request.headers['content-length'])
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
  const channel = await desk.open(host, { open: 'content', image: document.id, bytes })
  await poured(body, channel)
  const isReady = () => {
    const now = foundFor(room, caller, address, 'operator')
    return (now.document as ImageDocument).status.state === 'ready' ? now : undefined
  }
  const settled =
    waitSeconds === undefined
      ? undefined
      : await room.waiting.until({ kind: image.name, id: document.id }, isReady, waitSeconds * 1000)
  return sent(room, caller, { stored: settled ?? foundFor(room, caller, address, 'operator') })
}

function declared(header: string | undefined): number | null {
  if (header === undefined) return null
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
      if (status.state !== 'pending' && status.state !== 'waiting')
        throw new Problem('image/not-waiting', { name, state: status.state })
      return host !== null && status.state === 'waiting' ? host : undefined
    },
    hostWaitMs,
  )
  const last = chosen ?? room.desk.replica.get(image.name, id)?.document.host ?? undefined
  if (last === undefined) throw refused(reason('image/no-host'))
  return last
}

/** Pours a body into a channel, no faster than it drains, and hears what came of it. */
async function poured(body: Readable, channel: ByteChannel): Promise<void> {
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
    await verdict
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
async function resultOf(channel: ByteChannel): Promise<void> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of channel.bytes) {
    bytes += chunk.length
    if (bytes > longestResult) break
    chunks.push(chunk)
  }
  const said = parsed(Buffer.concat(chunks).toString())
  if (isObject(said) && said.ok === true) return
  const refusal = Refusal.safeParse(isObject(said) ? (said.problem ?? said) : undefined)
  if (!refusal.success || !isCode(refusal.data.code)) throw new Problem('link/lost', { peer: 'the host' })
  throw new Problem(refusal.data.code, refusal.data.facts)
}

const isCode = (code: string): code is ProblemCode => Object.hasOwn(problems, code)

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
