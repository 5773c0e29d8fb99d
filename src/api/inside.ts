/**
 * What is done in a guest through the agent inside it: a command, a file out, a file in. Audited with the command or the
 * path, never with what goes in or comes out. Delivered at most once.
 */

import { Readable } from 'node:stream'
import { z } from 'zod'
import { present } from '#base/assert.ts'
import { isObject } from '#base/json.ts'
import { Errand, insidePath, Ran } from '#model/errand.ts'
import { limits } from '#model/limits.ts'
import { reason } from '#model/plan.ts'
import { Problem } from '#model/problem.ts'
import { refused } from '#engines/admission/refusal.ts'
import { fieldProblem, read } from '#engines/admission/fields.ts'
import type { ByteChannel } from '#drivers/link/port.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import { kindNamed } from '#kinds/registry.ts'
import { foundFor, projectOf } from './address.ts'
import type { Room } from './api.ts'
import { subjectOf } from './change.ts'
import { parsed, poured, refusalFrom } from './content.ts'
import { bodyOf } from './moments.ts'
import { oneOf, onlyKnown } from './query.ts'
import { outboxed, recordOf } from './records.ts'
import type { Answer, Call, Route } from './route.ts'

const words = z.string().max(limits.errandChars)

const Sent = z.strictObject({
  argv: z.array(words).min(1).max(limits.errandWords).optional().meta({
    title: 'Program',
    description: 'Program and arguments; no shell',
  }),
  command: words
    .optional()
    .meta({ title: 'Command', description: "Instead: a line for the guest's /bin/sh" }),
  input: z.string().max(limits.errandInputBytes).optional().meta({ title: 'Input' }),
  inputBase64: z.string().max(limits.errandInputBytes).optional().meta({
    title: 'Input',
    description: 'Instead: its bytes as base64',
  }),
  environment: z
    .array(words.regex(/^[A-Za-z_][A-Za-z0-9_]*=/))
    .max(limits.errandWords)
    .optional()
    .meta({ title: 'Environment', description: "`NAME=value`; absent: the agent's own" }),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(limits.errandSeconds)
    .default(60)
    .meta({ title: 'Patience', description: 'How long it is waited for', unit: 'seconds' }),
  encoding: z.enum(['auto', 'base64']).default('auto').meta({
    title: 'Encoding',
    description: 'Of output and errors; `auto`: text where both are',
  }),
})
type Sent = z.output<typeof Sent>

const longestHead = 65_536

export const insideRoutes = (room: () => Room): Route[] => [
  {
    method: 'POST',
    path: '/api/v1/machines/:name/exec',
    summary: 'Run a command in the guest through the agent inside it, and wait for it',
    role: 'operator',
    scope: 'object',
    kind: 'machine',
    isChange: true,
    action: 'machine.exec',
    takes: 'json',
    input: Sent,
    answers: '`exitCode`, `signal`, `output`, `errors`, `encoding` (`text` or `base64`), `isTruncated`',
    handle: (call) => execute(room(), call),
  },
  {
    method: 'GET',
    path: '/api/v1/machines/:name/files',
    summary: 'A file of the guest at `path`, through the agent inside it',
    role: 'operator',
    scope: 'object',
    kind: 'machine',
    isChange: false,
    action: 'machine.file-read',
    answers: '`application/octet-stream`',
    handle: (call) => readFile(room(), call),
  },
  {
    method: 'PUT',
    path: '/api/v1/machines/:name/files',
    summary: 'Write a file in the guest at `path`, through the agent inside it (application/octet-stream)',
    role: 'operator',
    scope: 'object',
    kind: 'machine',
    isChange: true,
    action: 'machine.file-write',
    takes: 'bytes',
    answers: '`written`',
    handle: (call) => writeFile(room(), call),
  },
]

function errandOf({ argv, command, environment, timeoutSeconds }: Sent): Errand {
  if ((argv === undefined) === (command === undefined))
    throw fieldProblem(
      argv === undefined ? 'argv' : 'command',
      argv === undefined ? 'required' : 'excluded',
      {
        other: 'argv',
      },
    )
  const line = argv ?? ['/bin/sh', '-c', command ?? '']
  const chars = [...line, ...(environment ?? [])].reduce((sum, word) => sum + word.length, 0)
  if (chars > limits.errandChars) throw fieldProblem('argv', 'longest', { bound: limits.errandChars })
  const errand = Errand.safeParse({ act: 'run', argv: line, environment, timeoutSeconds })
  if (!errand.success) throw fieldProblem('argv', 'form')
  return errand.data
}

const base64 = /^[A-Za-z0-9+/]*={0,2}$/

function inputOf({ input, inputBase64 }: Sent): Uint8Array {
  if (input !== undefined && inputBase64 !== undefined)
    throw fieldProblem('inputBase64', 'excluded', { other: 'input' })
  if (inputBase64 === undefined) return Buffer.from(input ?? '')
  if (!base64.test(inputBase64)) throw fieldProblem('inputBase64', 'form')
  return Buffer.from(inputBase64, 'base64')
}

async function execute(room: Room, call: Call): Promise<Answer> {
  const sent = read(Sent, call.body)
  onlyKnown(call.query, ['project'])
  const errand = errandOf(sent)
  const input = inputOf(sent)
  const channel = await opened(room, call, errand)
  try {
    if (input.length > 0) await channel.write(input)
    channel.end()
    const { said, bytes } = await headOf(channel)
    const ran = Ran.safeParse(said)
    if (!ran.success) throw refusalFrom(said)
    const all = await allOf(bytes, ran.data.outputBytes + ran.data.errorsBytes)
    return { status: 200, body: outcomeOf(ran.data, all, sent.encoding) }
  } finally {
    channel.close()
  }
}

function outcomeOf({ exitCode, signal, isTruncated, outputBytes }: Ran, all: Buffer, wish: Sent['encoding']) {
  const streams = [all.subarray(0, outputBytes), all.subarray(outputBytes)]
  const texts = wish === 'base64' ? [undefined] : streams.map(textOf)
  const isText = texts.every((text) => text !== undefined)
  const [output, errors] = isText ? texts : streams.map((bytes) => bytes.toString('base64'))
  return { exitCode, signal, output, errors, encoding: isText ? 'text' : 'base64', isTruncated }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function pathFrom(call: Call): string {
  onlyKnown(call.query, ['project', 'path'])
  const path = insidePath.safeParse(oneOf(call.query, 'path'))
  if (!path.success) throw fieldProblem('path', 'form')
  return path.data
}

async function readFile(room: Room, call: Call): Promise<Answer> {
  const channel = await opened(room, call, { act: 'read', path: pathFrom(call) })
  channel.end()
  const { said, bytes } = await headOf(channel)
  if (!isObject(said) || said.ok !== true) {
    channel.close()
    throw refusalFrom(said)
  }
  return {
    status: 200,
    headers: { 'content-type': 'application/octet-stream', 'content-disposition': 'attachment' },
    body: Readable.from(closing(bytes, channel), { objectMode: false, highWaterMark: 262_144 }),
  }
}

async function writeFile(room: Room, call: Call): Promise<Answer> {
  const path = pathFrom(call)
  const { body } = call
  const declared = Number(call.request.headers['content-length'] ?? 0)
  if (declared > limits.guestFileBytes)
    throw new Problem('request/too-large', { limit: limits.guestFileBytes })
  // An empty file has no body to stream.
  const content = body instanceof Readable ? body : body === undefined ? Readable.from([]) : undefined
  if (content === undefined) throw new Problem('request/media-type', { type: 'none' })
  const channel = await opened(room, call, { act: 'write', path })
  await poured(content, channel)
  return { status: 200, body: { written: true } }
}

/** Recorded first, sent then. */
async function opened(
  room: Room,
  { caller, query, params, route }: Call,
  errand: Errand,
): Promise<ByteChannel> {
  const kind = present(kindNamed('machine'), 'machines are a kind')
  const address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
  const { document } = foundFor(room, caller, address, 'operator')
  const { status } = document as MachineDocument
  if (status.state !== 'running') throw refused(reason('machine/not-running'))
  const { host, guest, epoch } = bodyOf(document)
  const { desk } = room
  const detail = JSON.stringify(errand.act === 'run' ? { argv: errand.argv } : { path: errand.path })
  const record = recordOf(desk, caller, {
    action: route.action,
    subject: subjectOf(document),
    outcome: 'done',
    detail,
  })
  await desk.replica.commit([outboxed(record)])
  caller.isRecorded = true
  desk.audited()
  const channel = await desk.open(host, { open: 'inside', guest, epoch })
  await channel.write(new TextEncoder().encode(`${JSON.stringify(errand)}\n`))
  return channel
}

type Headed = { readonly said: unknown; readonly bytes: AsyncGenerator<Uint8Array> }

/** The agent's first line, and what follows it. */
async function headOf(channel: ByteChannel): Promise<Headed> {
  const iterator = channel.bytes[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (!head.includes(0x0a) && head.length < longestHead) {
    const { done, value } = await iterator.next()
    if (done === true) break
    head = Buffer.concat([head, value])
  }
  const end = head.indexOf(0x0a)
  const said = parsed(head.toString('utf8', 0, end < 0 ? head.length : end))
  return { said, bytes: following(head.subarray(end < 0 ? head.length : end + 1), iterator) }
}

async function* following(first: Uint8Array, iterator: AsyncIterator<Uint8Array>) {
  if (first.length > 0) yield first
  for (;;) {
    const { done, value } = await iterator.next()
    if (done === true) return
    yield value
  }
}

async function allOf(bytes: AsyncIterable<Uint8Array>, count: number): Promise<Buffer> {
  const parts: Uint8Array[] = []
  let got = 0
  for await (const part of bytes) {
    parts.push(part)
    got += part.length
    if (got > count) break
  }
  if (got !== count) throw new Problem('link/lost', { peer: 'the host' })
  return Buffer.concat(parts)
}

async function* closing(bytes: AsyncIterable<Uint8Array>, channel: ByteChannel) {
  try {
    let count = 0
    for await (const part of bytes) {
      count += part.length
      if (count > limits.guestFileBytes)
        throw new Problem('request/too-large', { limit: limits.guestFileBytes })
      yield part
    }
  } finally {
    channel.close()
  }
}
