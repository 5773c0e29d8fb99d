/** `decant machine exec|copy`: commands and files in a guest, through the agent inside it. */

import { createReadStream, createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { Readable, type Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { bytesText } from '#base/quantity.ts'
import { isObject } from '#base/json.ts'
import { inert } from '#base/text.ts'
import type { Kind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import { part } from '#client/addresses.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag, Screen } from '../command.ts'
import { contentOf } from './import.ts'
import type { Action } from './noun.ts'

const patienceFlag: Flag = {
  name: 'timeout',
  value: 'SECONDS',
  summary: `How long the command is waited for, 1–${limits.errandSeconds}; 60`,
}

const execFlags: readonly Flag[] = [
  { name: 'stdin', short: 'i', summary: "Give it this command's standard input" },
  { name: 'env', value: 'NAME=VALUE', isRepeatable: true, summary: 'Its environment, whole' },
  patienceFlag,
]

function patienceOf(args: Arguments, { options }: Context): number {
  const text = args.one('timeout') ?? '60'
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (seconds >= 1 && seconds <= limits.errandSeconds) return seconds
  const wanted = `1–${limits.errandSeconds}`
  throw usage(options.language, 'flag-read', { flag: '--timeout', value: text, wanted })
}

async function inputOf(args: Arguments, { world }: Context): Promise<string | undefined> {
  if (!args.has('stdin')) return undefined
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const piece of world.stdin as AsyncIterable<Uint8Array>) {
    parts.push(Buffer.from(piece))
    bytes += piece.length
    if (bytes > mostInput) throw new Problem('request/too-large', { limit: mostInput })
  }
  return Buffer.concat(parts).toString('base64')
}

/** As base64 within one request. */
const mostInput = Math.floor(limits.bodyBytes * 0.7)

async function exec(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { options, world, paper } = context
  const [name, ...argv] = args.operands
  if (name === undefined) throw usage(options.language, 'operand-missing', { what: 'NAME' })
  if (argv.length === 0) throw usage(options.language, 'operand-missing', { what: 'COMMAND' })
  const timeoutSeconds = patienceOf(args, context)
  const inputBase64 = await inputOf(args, context)
  const environment = args.has('env') ? args.all('env') : undefined
  const client = await context.client()
  const answer = await client.caller.json(part(kind, name, 'exec'), {
    method: 'POST',
    query: { project: options.project },
    json: { argv, timeoutSeconds, environment, inputBase64, encoding: 'base64' },
    signal: world.interrupted,
    timeoutMs: (timeoutSeconds + slackSeconds) * 1000,
  })
  if (!isObject(answer)) throw new Problem('answer/strange', { why: 'it is no object' })
  if (options.format === 'table') {
    sayBytes(world.stdout, answer.output)
    sayBytes(world.stderr, answer.errors)
  } else await paper.data({ ...answer, ...textsOf(answer) })
  if (answer.isTruncated === true)
    paper.note(paper.text('output-cut', { limit: bytesText(limits.agentOutputBytes) }))
  return exitOf(answer)
}

/** The agent's own slowness, and the way. */
const slackSeconds = 45

/** As a shell tells it: of a command that a signal ended, 128 and its number. */
function exitOf({ exitCode, signal }: Readonly<Record<string, unknown>>): number {
  if (typeof exitCode === 'number') return exitCode & 0xff
  return typeof signal === 'number' ? (128 + signal) & 0xff : 1
}

const bytesOf = (value: unknown) => Buffer.from(typeof value === 'string' ? value : '', 'base64')

/** Raw into a pipe or file; on a terminal a guest's bytes must not move the cursor. */
function sayBytes(screen: Screen, value: unknown) {
  const bytes = bytesOf(value)
  if (bytes.length === 0) return
  screen.write(screen.isTTY === true ? inert(bytes.toString('utf8').replaceAll('\r\n', '\n')) : bytes)
}

function textsOf({ output, errors }: Readonly<Record<string, unknown>>) {
  const [out, err] = [bytesOf(output), bytesOf(errors)]
  const isText = [out, err].every((bytes) => Buffer.from(bytes.toString('utf8')).equals(bytes))
  return isText ? { output: out.toString('utf8'), errors: err.toString('utf8'), encoding: 'text' } : {}
}

/** `NAME:PATH`; a path of this machine has no colon before its first slash, or begins with `./`. */
function insideOf(text: string): { readonly name: string; readonly path: string } | undefined {
  const [, name, path] = /^([a-z0-9][a-z0-9-]*):(.+)$/s.exec(text) ?? []
  return name === undefined || path === undefined ? undefined : { name, path }
}

async function copy(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { options } = context
  const [from, to, extra] = args.operands
  if (from === undefined || to === undefined)
    throw usage(options.language, 'operand-missing', { what: from === undefined ? 'SOURCE' : 'TARGET' })
  if (extra !== undefined) throw usage(options.language, 'operand-extra', { text: extra })
  const [source, target] = [insideOf(from), insideOf(to)]
  if ((source === undefined) === (target === undefined)) throw usage(options.language, 'copy-ends')
  const bytes =
    source === undefined
      ? await copyIn(kind, from, target ?? { name: '', path: '' }, context)
      : await copyOut(kind, source, to, context)
  if (to !== '-') context.paper.note(context.paper.text('saved', { bytes: bytesText(bytes), path: to }))
  return 0
}

type Inside = { readonly name: string; readonly path: string }

async function copyIn(kind: Kind, file: string, { name, path }: Inside, context: Context): Promise<number> {
  const { options, world } = context
  const content = await contentOf(file, context)
  let bytes = 0
  async function* counted() {
    for await (const piece of file === '-' ? content.open(0) : createReadStream(file)) {
      bytes += piece.length
      yield piece as Uint8Array
    }
  }
  const client = await context.client()
  await client.caller.call(part(kind, name, 'files'), {
    method: 'PUT',
    query: { project: options.project, path },
    body: Readable.toWeb(Readable.from(counted(), { objectMode: false })) as ReadableStream<Uint8Array>,
    headers: { 'content-type': 'application/octet-stream' },
    signal: world.interrupted,
    timeoutMs: 0,
  })
  return bytes
}

/** Under another name until it is whole. */
async function copyOut(kind: Kind, { name, path }: Inside, file: string, context: Context): Promise<number> {
  const { options, world } = context
  const client = await context.client()
  const response = await client.caller.call(part(kind, name, 'files'), {
    query: { project: options.project, path },
    headers: { accept: '*/*' },
    signal: world.interrupted,
    timeoutMs: 0,
  })
  const source = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0])
  let bytes = 0
  source.on('data', (piece: Uint8Array) => (bytes += piece.length))
  source.pause()
  const partial = `${file}.part`
  try {
    if (file === '-') await pipeline(source, world.stdout as Writable, { end: false })
    else {
      await pipeline(source, createWriteStream(partial, { flush: true }))
      await rename(partial, file)
    }
    return bytes
  } catch (cause) {
    if (file !== '-') await rm(partial, { force: true })
    if (world.interrupted.aborted) throw cause
    const why = isObject(cause) ? String(cause.code ?? cause.message) : String(cause)
    throw new Problem('setting/invalid', { setting: 'TARGET', why: `${file}: ${why}` }, { cause })
  }
}

/** What only machines with an agent inside have. */
export const insideActions = (kind: Kind): readonly Action[] => [
  {
    name: 'exec',
    summary: 'Run a command in the guest, through the agent inside it; its exit code is passed on',
    operands: 'NAME -- COMMAND…',
    flags: () => execFlags,
    run: (args, context) => exec(kind, args, context),
  },
  {
    name: 'copy',
    summary: 'Copy a file into the guest or out of it (`NAME:PATH`), through the agent inside it',
    operands: 'SOURCE TARGET',
    flags: () => [],
    run: (args, context) => copy(kind, args, context),
  },
]
