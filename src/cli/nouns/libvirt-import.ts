/** `decant machine import [NAME] --libvirt-xml FILE`: images of the disks that the domain names, then the machine. */

import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { present } from '#base/assert.ts'
import { isObject, type JsonObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { kindNamed } from '#kinds/registry.ts'
import { base } from '#client/addresses.ts'
import type { Client, Thing } from '#client/client.ts'
import { usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { textOf } from '../files.ts'
import { oneLine } from '../width.ts'
import { contentOf, send } from './import.ts'
import { changeOf, factsOf, giveBack } from './noun.ts'
import { settle, waitSeconds } from './settle.ts'

export const libvirtFlags: readonly Flag[] = [
  {
    name: 'libvirt-xml',
    value: 'FILE',
    summary: 'A domain as `virsh dumpxml` writes it; `-`: standard input',
  },
  {
    name: 'disk',
    value: 'TARGET=FILE|IMAGE',
    isRepeatable: true,
    summary: 'Where the content of a disk (vda) is: a file here, or an image there; `none`: an empty disk',
  },
  { name: 'describe-only', summary: 'Only say what would be carried over and what not' },
]

type ForeignDisk = {
  readonly target: string
  readonly medium: string
  readonly file: string | null
  readonly options: JsonObject
}
type Foreign = {
  readonly name: string
  readonly description: string
  readonly spec: JsonObject
  readonly networks: readonly (string | null)[]
  readonly disks: readonly ForeignDisk[]
  readonly notCarried: readonly { readonly path: string; readonly how: string; readonly why: string }[]
}

type Given = { readonly args: Arguments; readonly context: Context }
type Work = {
  readonly client: Client
  readonly context: Context
  readonly args: Arguments
  readonly foreign: Foreign
}

const imageSeconds = 3_600

/** `NAME=VALUE` pairs of a flag; what has no name stands under the empty one where it may. */
function pairsOf(flag: string, { args, context }: Given, mayBeBare = false): Map<string, string> {
  return new Map(
    args.all(flag).map((text) => {
      const at = text.indexOf('=')
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)] as const
      if (mayBeBare) return ['', text] as const
      const facts = { flag: `--${flag}`, wanted: 'NAME=VALUE', value: text }
      throw usage(context.options.language, 'flag-read', facts)
    }),
  )
}

async function textFrom(path: string, context: Context): Promise<string> {
  try {
    return path === '-' ? await textOf(context.world.stdin) : await readFile(path, 'utf8')
  } catch (error) {
    const why = isObject(error) ? String(error.code) : String(error)
    throw usage(context.options.language, 'file-unreadable', { path, why })
  }
}

const isFile = (path: string) =>
  stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  )

/** Where each disk's content is; a disk whose content nobody can find is asked for by name. */
async function sourcesOf(work: Work): Promise<Map<string, string>> {
  const { foreign, context } = work
  const given = pairsOf('disk', work)
  const sources = new Map<string, string>()
  for (const { target, medium, file } of foreign.disks) {
    if (medium === 'cdrom') continue
    const where = given.get(target) ?? (file !== null && (await isFile(file)) ? file : undefined)
    if (where === undefined)
      throw usage(context.options.language, 'disk-content', { target, file: oneLine(file ?? '?') })
    sources.set(target, where)
  }
  return sources
}

/** The name of an image with the content; a file is sent, an image that is there is used. */
async function imageOf(where: string, name: string, { client, context, args }: Work): Promise<string> {
  if (!(await isFile(where))) return where
  const kind = present(kindNamed('image'), 'images are a kind')
  const spec = { source: 'upload' }
  const words = { description: basename(where) }
  await client.create(kind, { name, spec, ...words }, changeOf(context, args))
  const thing = await send(client, kind, name, { content: await contentOf(where, context), context })
  const isDone = (seen: Thing) => kind.isReady(seen)
  await settle(context, { client, kind, thing, isDone, seconds: imageSeconds })
  return name
}

async function specOf(name: string, work: Work): Promise<JsonObject> {
  const { foreign } = work
  const sources = await sourcesOf(work)
  const disks: JsonObject[] = []
  for (const { target, medium, options } of foreign.disks) {
    if (medium === 'cdrom') continue
    const where = sources.get(target) ?? 'none'
    const image = where === 'none' ? null : await imageOf(where, `${name}-${target}`, work)
    disks.push({ ...options, image })
  }
  const [boot, ...more] = disks
  const { image = null, ...bootDisk } = boot ?? {}
  const networks = pairsOf('network', work, true)
  const nics = Array.isArray(foreign.spec['nics']) ? foreign.spec['nics'].filter(isObject) : []
  return {
    ...foreign.spec,
    image,
    bootDisk,
    disks: more.map((disk) => (disk['image'] === null ? { ...disk, sizeMib: emptyMib } : disk)),
    cdroms: foreign.disks.filter(({ medium }) => medium === 'cdrom').map(() => ({})),
    nics: nics.map((nic, at) => ({
      ...nic,
      network: networks.get(foreign.networks[at] ?? '') ?? networks.get('') ?? 'default',
    })),
  } as unknown as JsonObject
}

/** A disk that is to be empty gets what a new machine's boot disk gets. */
const emptyMib = 8_192

/** What is left out, the lost things first. */
function tell({ notCarried }: Foreign, { paper }: Context) {
  for (const how of ['lost', 'changed', 'own'] as const) {
    const entries = notCarried.filter((entry) => entry.how === how)
    if (entries.length === 0) continue
    paper.note(paper.text(`libvirt-${how}`, { count: entries.length }))
    for (const { path, why } of entries) paper.note(`  ${oneLine(path)}: ${oneLine(why)}`)
  }
}

export async function importLibvirt(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { options, paper } = context
  const [given, extra] = args.operands
  if (extra !== undefined) throw usage(options.language, 'operand-extra', { text: extra })
  const client = await context.client()
  const xml = await textFrom(args.one('libvirt-xml') ?? '-', context)
  const answer = await client.caller.json(`${base}/libvirt-domains`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ xml }),
  })
  const foreign = answer as unknown as Foreign
  const work: Work = { client, context, args, foreign }
  if (args.has('describe-only')) {
    if (options.format === 'table') tell(foreign, context)
    else await paper.data(foreign as unknown as JsonObject)
    return 0
  }
  const name = given ?? foreign.name
  const spec = await specOf(name, work)
  const wish = { name, description: foreign.description, spec }
  const thing = await client.create(kind, wish, changeOf(context, args))
  if (options.format === 'table') paper.line(paper.text('created', factsOf(kind, name)))
  tell(foreign, context)
  const seconds = waitSeconds(args, context)
  const isDone = (seen: Thing) => kind.isReady(seen)
  const settled =
    seconds === undefined ? undefined : await settle(context, { client, kind, thing, isDone, seconds })
  await giveBack(context, [settled ?? thing], false)
  return 0
}
