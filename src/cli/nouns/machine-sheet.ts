/** What is wished of a machine as people look for it: the main things first, then what is not as usual. */

import { isObject, same } from '#base/json.ts'
import type { Thing } from '#client/answers.ts'
import type { Context } from '../command.ts'
import { nothing, titleOf, unitOf, valueText } from '../describe.ts'
import { plain, type Schema } from '../schema.ts'
import type { Entry } from '../table.ts'
import { oneLine } from '../width.ts'

type Part = Readonly<Record<string, unknown>>

/** Shown in a way of their own, or only of use to Decant. */
const apart = new Set(
  'image cpus memoryMib diskMib bootDisk disks cdroms nics shares hostDevices firstBoot boot revert forceOnceSeconds'.split(
    ' ',
  ),
)

export const partsAt = (thing: Thing, field: string): Part[] => {
  const list = thing.spec[field]
  return Array.isArray(list) ? list.filter(isObject) : []
}

/** The members of `part` that are not as the schema has them by itself. */
function unusual(
  part: Part,
  schema: Schema | undefined,
  told: readonly string[],
  context: Context,
): string[] {
  const { properties = {} } = schema === undefined ? {} : plain(schema).schema
  const isUsual = (name: string, value: unknown) =>
    value === null ||
    value === '' ||
    same(value, Object.hasOwn(properties, name) ? properties[name]?.default : undefined)
  return Object.entries(part)
    .filter(([name, value]) => !told.includes(name) && !isUsual(name, value) && !isEmpty(value))
    .map(([name, value]) => {
      const title =
        (Object.hasOwn(properties, name) ? properties[name]?.title : undefined) ?? titleOf(oneLine(name))
      const lower = /^[A-Z][a-z]/.test(title) ? title.charAt(0).toLowerCase() + title.slice(1) : title
      if (value === true) return lower
      if (value === false) return context.paper.text('without', { what: lower })
      return `${lower} ${textOf(value, name, context)}`
    })
}

const isEmpty = (value: unknown) => Array.isArray(value) && value.length === 0

const textOf = (value: unknown, field: string, { paper, world }: Context) =>
  valueText(value, unitOf(field), paper, world.nowMs())

const lineOf = (...words: readonly (string | undefined)[]) =>
  words.filter((word) => word !== undefined && word !== '' && word !== nothing).join('  ')

const word = (value: unknown) => (typeof value === 'string' ? oneLine(value) : undefined)

function diskLine(disk: Part, schema: Schema | undefined, context: Context): string {
  const { name, sizeMib, volume, image, bus } = disk
  const from =
    word(image) === undefined ? undefined : context.paper.text('from-image', { image: word(image) ?? '' })
  const size = sizeMib === undefined ? undefined : textOf(sizeMib, 'sizeMib', context)
  const rest = unusual(disk, schema, ['name', 'sizeMib', 'volume', 'image', 'bus'], context)
  const held =
    word(volume) === undefined
      ? undefined
      : context.paper.text('volume-named', { volume: word(volume) ?? '' })
  return lineOf(
    word(name),
    size ?? held ?? from,
    word(bus),
    size === undefined ? undefined : from,
    rest.join(', '),
  )
}

function bootLine({ spec }: Thing, schema: Schema | undefined, context: Context): string {
  const { paper } = context
  const disk = isObject(spec.bootDisk) ? spec.bootDisk : {}
  const size =
    typeof spec.diskMib === 'number' ? textOf(spec.diskMib, 'diskMib', context) : paper.text('as-image')
  return lineOf('disk0', size, word(disk.bus), unusual(disk, schema, ['bus'], context).join(', '))
}

function nicLine(nic: Part, schema: Schema | undefined, context: Context): string {
  const told = ['name', 'network', 'model', 'forwards']
  const forwards = Array.isArray(nic.forwards) ? nic.forwards.filter(isObject) : []
  const leads = forwards.map(({ hostPort, guestPort, protocol }) => {
    const place = Number(hostPort) === 0 ? context.paper.text('any-port') : String(Number(hostPort))
    return `${place} → ${Number(guestPort)}${protocol === 'udp' ? '/udp' : ''}`
  })
  return lineOf(
    word(nic.name),
    word(nic.network),
    word(nic.model),
    [...unusual(nic, schema, told, context), ...leads].join(', '),
  )
}

/** One line for each part. */
function partEntries(thing: Thing, fields: Readonly<Record<string, Schema>>, context: Context): Entry[] {
  const { paper } = context
  const itemsOf = (field: string) => (Object.hasOwn(fields, field) ? fields[field]?.items : undefined)
  const lines = (field: string, line: (part: Part, at: number) => string) =>
    partsAt(thing, field).map(line).join('\n') || nothing
  return [
    [
      paper.text('disks'),
      [
        bootLine(thing, Object.hasOwn(fields, 'bootDisk') ? fields.bootDisk : undefined, context),
        ...partsAt(thing, 'disks').map((disk, at) =>
          diskLine({ name: `disk${at + 1}`, ...disk }, itemsOf('disks'), context),
        ),
      ].join('\n'),
    ],
    [
      paper.text('cdroms'),
      lines('cdroms', ({ image }, at) => lineOf(`cdrom${at}`, word(image) ?? paper.text('empty-drive'))),
    ],
    [
      paper.text('nics'),
      lines('nics', (nic, at) => nicLine({ name: `net${at}`, ...nic }, itemsOf('nics'), context)),
    ],
    [
      paper.text('shares'),
      lines('shares', (share) =>
        lineOf(word(share.tag), word(share.folder), share.isReadOnly === true ? paper.text('read-only') : ''),
      ),
    ],
    [paper.text('host-devices'), lines('hostDevices', (one) => lineOf(word(one.bus), word(one.address)))],
  ]
}

const firstBootText = (wish: unknown, schema: Schema | undefined, context: Context) =>
  isObject(wish) ? unusual(wish, schema, [], context).join(', ') : nothing

export function machineWish(thing: Thing, schema: Schema, context: Context): Entry[] {
  const { paper } = context
  const fields = schema.properties ?? {}
  const { spec } = thing
  const isUsual = ([name, value]: [string, unknown]) =>
    same(value, Object.hasOwn(fields, name) ? fields[name]?.default : undefined)
  const rest = Object.entries(spec)
    .filter((pair) => !apart.has(pair[0]) && !isUsual(pair))
    .map(([name, value]): Entry => {
      const title = Object.hasOwn(fields, name) ? fields[name]?.title : undefined
      return [title ?? titleOf(oneLine(name)), textOf(value, name, context)]
    })
  const entries: Entry[] = [
    [paper.text('image'), textOf(spec.image, 'image', context)],
    [paper.text('cpus'), textOf(spec.cpus, 'cpus', context)],
    [paper.text('memory'), textOf(spec.memoryMib, 'memoryMib', context)],
    ...partEntries(thing, fields, context),
    [paper.text('first-boot'), firstBootText(spec.firstBoot, fields.firstBoot, context)],
    ...rest,
  ]
  return entries.filter(([, value]) => value !== nothing && value !== '')
}

/** What the guest says of itself: a stranger's words. */
export function insideEntries({ status }: Thing, context: Context): Entry[] {
  const { paper } = context
  const inside = isObject(status.inside) ? status.inside : {}
  const ready = isObject(status.ready) ? status.ready : undefined
  const given = Array.isArray(status.addresses) ? status.addresses.filter(isObject) : []
  const own = Array.isArray(inside.addresses) ? inside.addresses.filter(isObject) : []
  const reserved = given.map(({ nic, network, address4, address6, mac }) =>
    lineOf(word(nic), word(network), word(address4), word(address6), word(mac)),
  )
  const said = lineOf(word(inside.hostname), word(inside.os), word(inside.kernel))
  const readyText =
    ready &&
    paper.text('ready-line', {
      since: textOf(ready.sinceMs, 'sinceMs', context),
      by: paper.text(byWord(ready.by)),
    })
  return [
    [paper.text('ready-since'), readyText ?? nothing],
    [paper.text('stands-on'), textOf(status.snapshot, 'snapshot', context)],
    [paper.text('addresses'), reserved.join('\n') || nothing],
    [paper.text('inside'), said || nothing],
    [
      paper.text('inside-addresses'),
      own.map(({ nic, address }) => lineOf(word(nic), word(address))).join('\n') || nothing,
    ],
  ]
}

const byWord = (by: unknown) =>
  by === 'cloud-init' ? 'by-cloud-init' : by === 'agent' ? 'by-agent' : 'by-word'
