/** How a guest goes on from memory that a snapshot kept: with what ran at that moment, or not at all. Pure. */

import type { Moment } from '#kinds/snapshot/parts.ts'
import { reason, type Hold } from '#model/plan.ts'
import type { GuestDisk, GuestNic } from './parts.ts'
import type { GuestRecord } from './plan-record.ts'
import type { GuestSpec } from './schema.ts'

/** The wish as it must be begun for a kept memory to fit; what is wished otherwise comes about once it runs. */
export function asOfMoment(wish: GuestSpec, moment: Moment): GuestSpec {
  const { cpus, memoryMinMib, machineType, kernelImage, kernelDatastore, commandLine } = moment
  return {
    ...wish,
    cpus,
    memoryMib: memoryMinMib,
    machineType,
    kernelImage,
    kernelDatastore,
    commandLine,
    shape: { ...moment.shape, machineVersion: moment.machineVersion ?? moment.shape.machineVersion },
    disks: moment.disks.flatMap((disk) => diskNow(wish, disk) ?? []),
    nics: moment.nics.flatMap((nic) => nicNow(wish, nic) ?? []),
    cdroms: moment.cdroms.map((drive) => wish.cdroms.find(({ id }) => id === drive.id) ?? drive),
  }
}

/** The same disk as it lies now, on the bus where the guest knows it. */
function diskNow({ disks }: GuestSpec, then: GuestDisk): GuestDisk | undefined {
  const now = disks.find(({ id, volume }) => id === then.id && volume === then.volume)
  return now === undefined ? undefined : { ...now, bus: then.bus, cache: then.cache }
}

function nicNow({ nics }: GuestSpec, then: GuestNic): GuestNic | undefined {
  const now = nics.find(({ id }) => id === then.id)
  return now === undefined ? undefined : { ...now, model: then.model, mtu: then.mtu, mac: then.mac }
}

/** The first part of the moment that is no longer wished: only what is wished is the guest's alone (I-01). */
export function partsHolds(wish: GuestSpec, moment: Moment): Hold[] {
  const missing =
    moment.disks.find((disk) => diskNow(wish, disk) === undefined)?.id ??
    moment.nics.find((nic) => nicNow(wish, nic) === undefined)?.id
  if (missing !== undefined) return [reason('guest/memory-parts', { part: missing })]
  return moment.hasSeed && wish.firstBoot === null
    ? [reason('guest/memory-parts', { part: 'firstBoot' })]
    : []
}

/** What is noted of its begin. */
export function begunAs(spec: GuestSpec): Pick<GuestRecord, 'begun' | 'disks' | 'nics'> {
  const { memoryMib, machineType, kernelImage, commandLine, shape, disks, nics } = spec
  return { begun: { memoryMib, machineType, kernelImage, commandLine, shape }, disks, nics }
}
