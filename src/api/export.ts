/** Disks given out: images and volumes as qcow2 or raw, machines and all of these as OVA. A stream from the host that has them. */

import { Readable } from 'node:stream'
import { isObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { limits } from '#model/limits.ts'
import { Problem } from '#model/problem.ts'
import type { Json } from '#base/json.ts'
import type { ByteChannel, Open } from '#drivers/link/port.ts'
import { image as imageKind, type ImageDocument } from '#kinds/image/schema.ts'
import type { Appliance } from '#kinds/image/parts.ts'
import { bootDiskName, diskName } from '#kinds/machine/parts.ts'
import type { MachineDocument } from '#kinds/machine/schema.ts'
import { kindNamed } from '#kinds/registry.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import { present } from '#base/assert.ts'
import { foundFor, projectOf } from './address.ts'
import type { Room } from './api.ts'
import { subjectOf } from './change.ts'
import { arrived, parsed, refusalFrom } from './content.ts'
import { oneOf, onlyKnown } from './query.ts'
import { outboxed, recordOf } from './records.ts'
import type { Answer, Call, Route } from './route.ts'

type ExportOpen = Extract<Open, { open: 'export' }>
type Wanted = Pick<ExportOpen, 'of' | 'ids' | 'appliance'> & { readonly host: string | null }

const longestHead = 65_536

export const exportRoutes = (room: () => Room): Route[] =>
  (['image', 'volume', 'machine'] as const).map((name) => {
    const kind = present(kindNamed(name), `${name} is a kind`)
    return {
      kind: name,
      method: 'GET',
      path: `/api/v1/${kind.plural}/:name/content`,
      summary: `Give out the content of a ${name}: \`format\` is ${name === 'machine' ? 'ova' : 'qcow2, raw or ova'}`,
      role: 'operator',
      scope: 'object',
      isChange: false,
      action: `${name}.export`,
      answers: '`application/octet-stream`',
      handle: (call) => givenOut(room(), kind, call),
    }
  })

async function givenOut(room: Room, kind: Kind, call: Call): Promise<Answer> {
  const { caller, query, params, request, route } = call
  onlyKnown(query, ['project', 'format'])
  const address = { kind, project: projectOf(kind, query), name: params.name ?? '' }
  const { document } = foundFor(room, caller, address, 'operator')
  if (request.method === 'HEAD') return await headOf(room, document)
  const format = formatFrom(oneOf(query, 'format'), kind)
  const { host, ...wanted } = wantedFrom(room, document)
  if (host === null) throw new Problem('object/refused', { why: 'No host has its content.' })
  const { desk } = room
  const words = { action: route.action, subject: subjectOf(document), outcome: 'done' } as const
  await desk.replica.commit([outboxed(recordOf(desk, caller, words))])
  desk.audited()
  const channel = await desk.open(host, { open: 'export', format, ...wanted })
  const { bytes, content } = await opened(channel)
  return {
    status: 200,
    headers: {
      'content-type': 'application/octet-stream',
      'content-length': String(bytes),
      'content-disposition': `attachment; filename="${document.name}.${format}"`,
    },
    body: Readable.from(content, { objectMode: false, highWaterMark: 262_144 }),
  }
}

async function headOf(room: Room, document: Document): Promise<Answer> {
  return document.kind === imageKind.name ? await arrived(room, document as ImageDocument) : { status: 200 }
}

function formatFrom(said: string | undefined, kind: Kind): ExportOpen['format'] {
  const [usual, ...others] = kind.name === 'machine' ? (['ova'] as const) : (['qcow2', 'raw', 'ova'] as const)
  const format = [usual, ...others].find((one) => one === (said ?? usual))
  if (format !== undefined) return format
  throw new Problem('request/invalid', {
    field: 'format',
    why: `must be one of ${[usual, ...others].join(', ')}`,
  })
}

function wantedFrom(room: Room, document: Document): Wanted {
  if (document.kind === 'machine') return machineWanted(room, document as MachineDocument)
  const of = document.kind === imageKind.name ? 'image' : 'volume'
  const appliance = nothingKnown(document)
  return { of, ids: [document.id], host: document.host, appliance: appliance as unknown as Json }
}

const nothingKnown = ({ name, description }: Pick<Document, 'name' | 'description'>): Appliance => ({
  name,
  description: description.slice(0, 512),
  system: '',
  cpus: 1,
  memoryMib: 1024,
  firmware: '',
  disks: [],
  nics: [{ network: 'network', model: 'e1000e' }],
  notCarried: [],
})

function machineWanted(room: Room, machine: MachineDocument): Wanted {
  const { spec } = machine
  const volumes = volumesOf(room, machine)
  if (volumes.length === 0) throw new Problem('object/refused', { why: 'The machine has no disk yet.' })
  const hosts = new Set(volumes.map(({ host }) => host))
  if (hosts.size > 1) throw new Problem('object/refused', { why: 'Its disks lie on several hosts.' })
  const appliance: Appliance = {
    ...nothingKnown(machine),
    cpus: spec.cpus,
    memoryMib: spec.memoryMib,
    firmware: spec.firmware === 'auto' ? '' : spec.firmware,
    nics: spec.nics.slice(0, 16).map(({ network, model }) => ({ network, model })),
  }
  return {
    of: 'volume',
    ids: volumes.map(({ id }) => id).slice(0, limits.disksPerMachine),
    host: volumes[0]?.host ?? null,
    appliance: appliance as unknown as Json,
  }
}

/** Its disks in their order, the boot disk first. */
function volumesOf({ desk }: Room, { id, project, spec }: MachineDocument): VolumeDocument[] {
  const own = [...desk.replica.all('volume')]
    .map(({ document }) => document as VolumeDocument)
    .filter(({ owner }) => owner === id)
  const ofDisk = (name: string) => own.find((volume) => volume.spec.disk === name)
  const named = (name: string) =>
    (desk.replica.find('volume', project, name) ?? desk.replica.get('volume', name))?.document as
      | VolumeDocument
      | undefined
  const further = spec.disks.map((disk, at) =>
    disk.volume === null ? ofDisk(diskName(disk, at)) : named(disk.volume),
  )
  return [ofDisk(bootDiskName), ...further].filter((volume) => volume !== undefined)
}

/** Reads the agent's first line; what follows is the content, exactly as long as it says. */
async function opened(channel: ByteChannel) {
  const iterator = channel.bytes[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (!head.includes(0x0a) && head.length < longestHead) {
    const { done, value } = await iterator.next()
    if (done === true) break
    head = Buffer.concat([head, value])
  }
  const end = head.indexOf(0x0a)
  const said = parsed(head.toString('utf8', 0, end < 0 ? head.length : end))
  const isGood = isObject(said) && said.ok === true && typeof said.bytes === 'number'
  if (isGood)
    return {
      bytes: said.bytes as number,
      content: exactly(channel, iterator, head.subarray(end + 1), said.bytes as number),
    }
  channel.close()
  throw refusalFrom(said)
}

async function* exactly(
  channel: ByteChannel,
  iterator: AsyncIterator<Uint8Array>,
  first: Uint8Array,
  bytes: number,
): AsyncGenerator<Uint8Array> {
  try {
    let given = first.length
    if (first.length > 0) yield first
    while (given < bytes) {
      const { done, value } = await iterator.next()
      if (done === true || given + value.length > bytes) throw new Problem('link/lost', { peer: 'the host' })
      given += value.length
      yield value
    }
  } finally {
    // Said first: whoever wrote the last piece waits until it is taken.
    await iterator.return?.()
    channel.close()
  }
}
