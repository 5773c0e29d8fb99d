/** `decant image import NAME --file PATH`: creates the image and sends its content, on from where it broke off. */

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { bytesText, durationText } from '#base/quantity.ts'
import { isObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { Problem, story } from '#model/problem.ts'
import type { Client, Thing } from '#client/client.ts'
import { upload, type Upload } from '#client/upload.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { paceFrom, progressFacts } from '../progress.ts'
import { changeOf, factsOf, giveBack, type Action } from './noun.ts'
import { settle, waitFlag, waitSeconds } from './settle.ts'
import { wishFlags, wishFrom } from './wishing.ts'

const fileFlag: Flag = {
  name: 'file',
  short: 'f',
  value: 'PATH',
  summary: 'The content, in any format that is known, packed or not; `-`: standard input',
}

type Content = Pick<Upload, 'open' | 'bytes'>

export async function contentOf(path: string, context: Context): Promise<Content> {
  if (path === '-') return { open: () => context.world.stdin as AsyncIterable<Uint8Array>, bytes: undefined }
  try {
    const entry = await stat(path)
    if (!entry.isFile()) throw Object.assign(new Error(path), { code: 'not a plain file' })
    return { open: (start) => createReadStream(path, { start, highWaterMark: 1 << 20 }), bytes: entry.size }
  } catch (error) {
    const why = isObject(error) ? String(error.code) : String(error)
    throw usage(context.options.language, 'file-unreadable', { path, why })
  }
}

/** An upload that broke off is taken up by the same command: the image then waits for its content. */
async function awaited(kind: Kind, name: string, args: Arguments, context: Context): Promise<Thing> {
  const client = await context.client()
  const { spec, ...words } = await wishFrom(kind, withoutFile(args), context)
  try {
    return await client.create(kind, { name, spec, ...words }, changeOf(context, args))
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'object/exists') throw error
    const there = await client.get(kind, name, context.options.project)
    if (!['pending', 'waiting', 'uploading'].includes(String(there.status.state))) throw error
    return there
  }
}

const withoutFile = (args: Arguments): Arguments => ({
  ...args,
  one: (name) => (name === 'file' ? undefined : args.one(name)),
})

export async function send(
  client: Client,
  kind: Kind,
  name: string,
  { content, context }: { content: Content; context: Context },
) {
  const { paper, world, options } = context
  const startMs = world.nowMs()
  const pace = paceFrom(startMs)
  let [sentBytes, saidTenth, brought] = [0, 0, 0]
  const say = () => {
    const text = paper.text('upload-progress', progressFacts(sentBytes, content.bytes, pace.rate()))
    paper.fleeting(`${name}: ${text}`)
    const tenth = content.bytes === undefined ? 0 : Math.floor((sentBytes / content.bytes) * 10)
    if (!paper.isLive && tenth > saidTenth && tenth < 10) paper.note(`${name}: ${text}`)
    saidTenth = Math.max(tenth, saidTenth)
  }
  const timer = setInterval(say, 500)
  try {
    const thing = await upload(client, kind, name, {
      ...content,
      project: options.project,
      signal: world.interrupted,
      onProgress(bytes) {
        // What an earlier attempt brought is no pace of this one.
        if (sentBytes === 0) brought = bytes
        sentBytes = bytes
        pace.at(bytes - brought, world.nowMs())
      },
      onBroken: (why) => paper.note(`${name}: ${paper.text('upload-broken', { why: story(why) })}`),
    })
    const time = durationText((world.nowMs() - startMs) / 1000)
    paper.note(`${name}: ${paper.text('upload-done', { total: bytesText(sentBytes), time })}`)
    return thing
  } finally {
    clearInterval(timer)
    paper.fleeting('')
  }
}

async function bring(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { options, paper } = context
  const name = onlyOperand(args, 'NAME', options.language)
  const path = args.one('file')
  if (path === undefined) throw usage(options.language, 'flag-value', { flag: '--file', value: 'PATH' })
  const content = await contentOf(path, context)
  const client = await context.client()
  await awaited(kind, name, args, context)
  const thing = await send(client, kind, name, { content, context })
  const seconds = waitSeconds(args, context)
  const isDone = (seen: Thing) => kind.isReady(seen)
  const after =
    seconds === undefined
      ? thing
      : ((await settle(context, { client, kind, thing, isDone, seconds })) ?? thing)
  if (options.format === 'table')
    paper.line(paper.text(isDone(after) ? 'ready' : 'created', factsOf(kind, name)))
  await giveBack(context, [after], false)
  return 0
}

/** For kinds whose objects have a content to send. */
export const importAction = (kind: Kind): Action => ({
  name: 'import',
  summary: 'Create it and send its content from a file',
  operands: 'NAME',
  flags: () => [...wishFlags(kind).filter(({ name }) => name !== 'file'), fileFlag, waitFlag],
  run: (args, context) => bring(kind, args, context),
})
