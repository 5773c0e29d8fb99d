/** `decant machine import NAME --ova FILE`: an image of each disk, then a machine as the archive describes it. */

import { isObject, type JsonObject } from '#base/json.ts'
import type { Kind } from '#model/kind.ts'
import { Problem } from '#model/problem.ts'
import { kindNamed } from '#kinds/registry.ts'
import { present } from '#base/assert.ts'
import type { Client, Thing } from '#client/client.ts'
import { onlyOperand, usage, type Arguments } from '../arguments.ts'
import type { Context, Flag } from '../command.ts'
import { importLibvirt, libvirtFlags } from './libvirt-import.ts'
import { contentOf, send } from './import.ts'
import { changeOf, factsOf, giveBack, type Action } from './noun.ts'
import { settle, waitFlag, waitSeconds } from './settle.ts'

const ovaFlag: Flag = { name: 'ova', value: 'FILE', summary: 'An archive of one machine (OVA)' }
const networkFlag: Flag = {
  name: 'network',
  value: 'NAME',
  names: 'network',
  isRepeatable: true,
  summary: 'What its NICs are plugged into (default); `THEIRS=OURS` for one network of a domain',
}

type Importing = {
  readonly client: Client
  readonly context: Context
  readonly args: Arguments
  readonly name: string
  readonly file: string
}

const readySeconds = 3_600

/** An image of one disk of the archive; one that waits for its content is taken up. */
async function diskImage(name: string, member: string | null, importing: Importing): Promise<Thing> {
  const { client, context, args, file } = importing
  const kind = present(kindNamed('image'), 'images are a kind')
  const { project } = context.options
  const there = await client.get(kind, name, project).catch((error: unknown) => {
    if (error instanceof Problem && error.code === 'object/not-found') return undefined
    throw error
  })
  if (there?.status.state === 'ready') return there
  if (there === undefined)
    await client.create(kind, { name, spec: { format: 'ova', member } }, changeOf(context, args))
  const thing = await send(client, kind, name, { content: await contentOf(file, context), context })
  const isDone = (seen: Thing) => kind.isReady(seen)
  return (await settle(context, { client, kind, thing, isDone, seconds: readySeconds })) ?? thing
}

const textAt = (value: unknown, name: string) =>
  isObject(value) && typeof value[name] === 'string' ? value[name] : ''
const listAt = (value: unknown, name: string): readonly unknown[] =>
  isObject(value) && Array.isArray(value[name]) ? value[name] : []
const numberAt = (value: unknown, name: string, otherwise: number) =>
  isObject(value) && typeof value[name] === 'number' && value[name] > 0 ? value[name] : otherwise

const models: Readonly<Record<string, string>> = {
  e1000: 'e1000',
  e1000e: 'e1000e',
  vmxnet3: 'vmxnet3',
  pcnet32: 'rtl8139',
}

/** The machine's wish, as far as what is described has a place in it. */
function specFrom(appliance: unknown, images: readonly Thing[], network: string): JsonObject {
  const disks = listAt(appliance, 'disks').filter((disk) => textAt(disk, 'member') !== '')
  // A q35 has SATA in place of IDE.
  const busOf = (at: number) => (textAt(disks[at], 'bus') || 'sata').replace('ide', 'sata')
  const firmware = textAt(appliance, 'firmware')
  return {
    image: images[0]?.name ?? null,
    cpus: numberAt(appliance, 'cpus', 1),
    memoryMib: Math.max(32, numberAt(appliance, 'memoryMib', 1024)),
    firmware: firmware === '' ? 'auto' : firmware,
    bootDisk: { bus: busOf(0) },
    disks: images.slice(1).map(({ name }, at) => ({ image: name, bus: busOf(at + 1) })),
    nics: listAt(appliance, 'nics')
      .slice(0, 8)
      .map((nic) => {
        const model = models[textAt(nic, 'model').toLowerCase()] ?? 'e1000e'
        return { network, model }
      }),
  } as unknown as JsonObject
}

async function bring(kind: Kind, args: Arguments, context: Context): Promise<number> {
  const { options, paper } = context
  const name = onlyOperand(args, 'NAME', options.language)
  const file = args.one('ova')
  if (file === undefined || file === '-')
    throw usage(options.language, 'flag-value', { flag: '--ova', value: 'FILE' })
  const client = await context.client()
  const importing = { client, context, args, name, file }
  const first = await diskImage(`${name}-disk0`, null, importing)
  const { appliance } = first.status
  const members = listAt(appliance, 'disks')
    .map((disk) => textAt(disk, 'member'))
    .filter((member) => member !== '')
  const images = [first]
  for (const [at, member] of members.slice(1).entries())
    images.push(await diskImage(`${name}-disk${at + 1}`, member, importing))
  const spec = specFrom(appliance, images, args.one('network') ?? 'default')
  const thing = await client.create(kind, { name, spec }, changeOf(context, args))
  if (options.format === 'table') paper.line(paper.text('created', factsOf(kind, name)))
  const missed = listAt(appliance, 'notCarried').map(String)
  if (missed.length > 0) paper.note(paper.text('not-carried', { what: missed.join(', ') }))
  const seconds = waitSeconds(args, context)
  const isDone = (seen: Thing) => kind.isReady(seen)
  const after =
    seconds === undefined
      ? thing
      : ((await settle(context, { client, kind, thing, isDone, seconds })) ?? thing)
  await giveBack(context, [after], false)
  return 0
}

export const machineImportAction = (kind: Kind): Action => ({
  name: 'import',
  summary: 'Make a machine, with images of its disks, of what another product gave out (OVA, libvirt)',
  operands: 'NAME',
  flags: () => [ovaFlag, ...libvirtFlags, networkFlag, waitFlag],
  run: (args, context) =>
    args.has('libvirt-xml') ? importLibvirt(kind, args, context) : bring(kind, args, context),
})
