/** `decant image|volume|machine export NAME FILE`: writes a content that other products open. */

import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { bytesText, durationText } from '#base/quantity.ts'
import { isObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { part } from '#client/addresses.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { download } from '../download.ts'
import { paceFrom, progressFacts } from '../progress.ts'
import type { Action } from './noun.ts'

const formats = ['qcow2', 'raw', 'ova']
/** A machine goes out whole, or as a description for libvirt without its contents. */
const machineFormats = ['ova', 'libvirt']
const formatsOf = (kind: Kind) => (kind.name === 'machine' ? machineFormats : formats)

const formatFlag = (kind: Kind): Flag => ({
  name: 'as',
  value: formatsOf(kind).join('|'),
  summary: 'Format; else by the end of FILE, else qcow2 (machines: ova; `.xml`: libvirt)',
})

function formatOf(kind: Kind, file: string, args: Arguments, context: Context): string {
  const ending = /\.(qcow2|raw|img|ova|xml)$/.exec(file)?.[1]?.replace('img', 'raw').replace('xml', 'libvirt')
  const format = args.one('as') ?? ending ?? (kind.name === 'machine' ? 'ova' : 'qcow2')
  if (formatsOf(kind).includes(format)) return format
  const facts = { flag: '--as', choices: formatsOf(kind).join(', '), value: format }
  throw usage(context.options.language, 'flag-choice', facts)
}

async function give(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { options, world, paper } = context
  const [name, file, extra] = args.operands
  if (name === undefined) throw usage(options.language, 'operand-missing', { what: 'NAME' })
  if (file === undefined) throw usage(options.language, 'operand-missing', { what: 'FILE' })
  if (extra !== undefined) throw usage(options.language, 'operand-extra', { text: extra })
  const format = formatOf(kind, file, args, context)
  const client = await context.client()
  const startMs = world.nowMs()
  const isDomain = format === 'libvirt'
  const query = { project: options.project, ...(isDomain ? {} : { format }) }
  const address = part(kind, name, isDomain ? 'libvirt' : 'content')
  const response = await download(client.caller.access, address, query, world.interrupted)
  const total = Number(response.headers['content-length'] ?? Number.NaN)
  const written = await poured(response, {
    file,
    name,
    total: Number.isNaN(total) ? undefined : total,
    context,
  })
  const time = durationText((world.nowMs() - startMs) / 1000)
  if (file !== '-') paper.note(`${paper.text('saved', { bytes: bytesText(written), path: file })} (${time})`)
  return 0
}

type Pouring = {
  readonly file: string
  readonly name: string
  readonly total: number | undefined
  readonly context: Context
}

/** Under another name until it is whole: half a disk must not look like one. */
async function poured(source: IncomingMessage, { file, name, total, context }: Pouring): Promise<number> {
  const { world, paper } = context
  const pace = paceFrom(world.nowMs())
  let bytes = 0
  const partial = `${file}.part`
  const timer = setInterval(
    () =>
      paper.fleeting(`${name}: ${paper.text('export-progress', progressFacts(bytes, total, pace.rate()))}`),
    500,
  )
  try {
    source.on('data', (piece: Uint8Array) => pace.at((bytes += piece.length), world.nowMs()))
    source.pause()
    if (file === '-') await pipeline(source, world.stdout as Writable, { end: false })
    else await pipeline(source, createWriteStream(partial, { flush: true }))
    if (total !== undefined && bytes !== total) throw new Error(`${bytes} bytes instead of ${total}`)
    if (file !== '-') await rename(partial, file)
    return bytes
  } catch (cause) {
    if (file !== '-') await rm(partial, { force: true })
    if (world.interrupted.aborted) throw cause
    const why = isObject(cause) ? String(cause.code ?? cause.message) : String(cause)
    throw new Problem('setting/invalid', { setting: 'FILE', why: `${file}: ${why}` }, { cause })
  } finally {
    clearInterval(timer)
    paper.fleeting('')
  }
}

/** For kinds whose objects have a content to give out. */
export const exportAction = (kind: Kind): Action => ({
  name: 'export',
  summary: kind.name === 'machine' ? 'Write it as OVA' : 'Write its content as qcow2, raw or OVA',
  operands: 'NAME FILE',
  flags: () => [formatFlag(kind)],
  run: (args, context) => give(kind, args, context),
})
