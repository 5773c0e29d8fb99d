/** What a guest is given to run with: disks and plugs made ready, media, kernel, seed, memory. */

import { createHash } from 'node:crypto'
import { isObject } from '#base/json.ts'
import { Problem } from '#model/problem.ts'
import type { Body, DiskFile, Plug } from '#drivers/hypervisor/port.ts'
import type { GuestRecord } from '#kinds/guest/plan.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { asOfMoment } from '#kinds/guest/plan-return.ts'
import { keysOf } from './keys.ts'
import { notedMoment } from './moments.ts'
import { lyingIn } from './volumes.ts'
import type { Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

export type Prepared = {
  readonly ports: AgentPorts
  readonly wishes: Wishes
  readonly id: string
  readonly spec: GuestSpec
  readonly record: GuestRecord
  /** File of the medium of each drive. */
  readonly media: Readonly<Record<string, string | null>>
}

export async function prepareBody(wished: Prepared, goesOn: boolean): Promise<Body> {
  const { ports, record, media } = wished
  const noted = goesOn ? notedMoment(ports, wished.spec.memoryOf?.snapshot ?? '') : null
  const spec = noted === null ? wished.spec : asOfMoment(wished.spec, noted.moment)
  const on = { ...wished, spec }
  const disks: DiskFile[] = []
  for (const { id } of spec.disks) disks.push(await prepareDisk(on, id))
  const plugs: Plug[] = []
  for (const { id } of spec.nics) plugs.push(await preparePlug(on, id))
  const hasSameType = record.begun === null || record.begun.machineType === spec.machineType
  return {
    spec,
    disks,
    plugs,
    kernel: await kernelOf(ports, spec),
    word: ports.newWord(),
    cdroms: spec.cdroms.map(({ id }) => ({ id, file: media[id] ?? null })),
    seed: noted?.moment.hasSeed === false ? null : (ports.seeds?.build(spec) ?? null),
    generationId: generationOf(spec),
    memoryFile: goesOn ? await memoryOf(ports, spec) : null,
    ...(noted === null ? {} : { kept: { memoryMib: noted.moment.memoryMib, layout: noted.layout } }),
    machineVersion: spec.shape.machineVersion ?? (hasSameType ? record.machineVersion : null),
  }
}

export async function prepareDisk({ ports, wishes, id, spec }: Prepared, name: string): Promise<DiskFile> {
  const disk = spec.disks.find((one) => one.id === name)
  if (disk === undefined) throw new Problem('bug', { id: name })
  const { isReadOnly, bus, cache, io, discard, iops, mibPerSecond } = disk
  const uid = await ports.hypervisor.uidOf(id)
  // While it moves to another datastore it is opened from where it is whole.
  const lies = await lyingIn(ports, wishes, disk.volume, disk.datastore)
  const chain = await reached(ports, lies ?? disk.datastore).open(disk.volume, uid)
  const how = { id: name, isReadOnly, bus, cache, io, discard, iops, mibPerSecond }
  return { ...chain, ...how, keys: keysOf(wishes, disk.volume) }
}

/** Also for a NIC that runs, whose forwards have changed. What it got is noted, to be the same next time. */
export async function preparePlug({ ports, id, spec }: Prepared, name: string): Promise<Plug> {
  const nic = spec.nics.find((one) => one.id === name)
  if (nic === undefined) throw new Problem('bug', { id: name })
  const { network, notebook } = ports
  const before = forwardsNoted(ports, id)
  const plug = await network.plug(id, nic, before[name] ?? [])
  await notebook.put(`ports/${id}`, { ...before, [name]: plug.forwards } as never)
  return plug
}

/** Takes back one plug; its note stays, so that it gets the same ports again. */
export const releasePlug = ({ ports, id }: Prepared, name: string) => ports.network.unplug(id, name)

/** Takes back every plug that was made ready, also those that the wish has dropped since. */
export async function releasePlugs({ ports, id, spec }: Prepared): Promise<void> {
  const plugged = Object.keys(forwardsNoted(ports, id))
  for (const nic of new Set([...plugged, ...spec.nics.map((nic) => nic.id)]))
    await ports.network.unplug(id, nic)
}

type Forwards = Readonly<Record<string, Plug['forwards']>>

export function forwardsNoted({ notebook }: AgentPorts, id: string): Forwards {
  const note = notebook.get(`ports/${id}`)
  return isObject(note) ? (note as Forwards) : {}
}

async function kernelOf(ports: AgentPorts, spec: GuestSpec): Promise<Body['kernel']> {
  if (spec.kernelImage === null || spec.kernelDatastore === null) return null
  const { kernel, initrd } = await reached(ports, spec.kernelDatastore).imageFiles(spec.kernelImage)
  if (kernel === null || initrd === null)
    throw new Problem('image/content-missing', { name: spec.kernelImage })
  return { kernelFile: kernel, initrdFile: initrd, commandLine: spec.commandLine }
}

/** The file with the memory that a snapshot kept, wherever its disks lie; null: it is not on this host. */
export async function memoryFileOf({ datastore }: AgentPorts, spec: GuestSpec): Promise<string | null> {
  if (spec.memoryOf === null) return null
  for (const name of new Set(spec.disks.map((disk) => disk.datastore))) {
    const found = await datastore(name)?.memory(spec.memoryOf.snapshot)
    if (found !== null && found !== undefined) return found.file
  }
  return null
}

async function memoryOf(ports: AgentPorts, spec: GuestSpec): Promise<string> {
  const file = await memoryFileOf(ports, spec)
  if (file === null) throw new Problem('guest/spawn', { why: 'the memory to go on from is not there' })
  return file
}

/**
 * A uuid that is another for each identity, and for each return to a snapshot, with its memory or without: the guest
 * then draws new randomness. Else it stays, over every boot, as Microsoft's "Virtual Machine Generation ID" asks: a
 * Windows domain controller takes another one for a restore.
 */
export function generationOf({ instance, machine, memoryOf, machineSpec }: GuestSpec): string {
  const { revert } = machineSpec
  const what = ['decant', instance === '' ? machine : instance, memoryOf?.snapshot, memoryOf?.boot]
  if (isObject(revert)) what.push(String(revert.at))
  const hex = createHash('sha256').update(JSON.stringify(what)).digest('hex')
  // RFC 9562, version 8: bits of our own making.
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `a${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}

function reached({ datastore }: AgentPorts, name: string) {
  const found = datastore(name)
  if (found === undefined)
    throw new Problem('datastore/failed', { datastore: name, why: 'this host does not reach it' })
  return found
}
