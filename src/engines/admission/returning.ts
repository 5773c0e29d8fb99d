/** What a machine is wished to be when it goes back to a snapshot with memory: as it ran then. Pure. */

import type { Document } from '#model/document.ts'
import { reason } from '#model/plan.ts'
import { resolve } from '#model/reference.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import { bootDiskName } from '#kinds/machine/parts.ts'
import type { MachineDocument, MachineSpec } from '#kinds/machine/schema.ts'
import type { Moment } from '#kinds/snapshot/parts.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { Around } from './around.ts'
import { refused } from './refusal.ts'

/**
 * The wish after a verb; where that was a revert to memory, with the shape and the parts of that moment. What cannot be
 * brought back is refused before anything is ended.
 */
export function overMoment(before: Document, asked: unknown, around: Around): unknown {
  if (before.kind !== 'machine') return asked
  const machine = before as MachineDocument
  const spec = asked as MachineSpec
  if (spec.revert === null || spec.revert.at === machine.spec.revert?.at || spec.power === 'off') return asked
  const { find } = around
  const snapshot = resolve(spec.revert.snapshot, {
    kind: 'snapshot',
    scope: 'project',
    project: machine.project,
    find,
  }) as SnapshotDocument | undefined
  // Whether there is such a snapshot, and whose it is, is asked later.
  if (snapshot === undefined || snapshot.status.moment === null) return asked
  const unfit = snapshot.status.holds.find(({ code }) => code === 'snapshot/unfit')
  if (unfit !== undefined) throw refused(unfit)
  checkDisks(machine, snapshot.status.moment, around)
  return wishOf(spec, snapshot.status.moment)
}

/** Every disk that the guest knew is still there, and nobody else's. */
function checkDisks(machine: MachineDocument, { disks, wish }: Moment, around: Around) {
  for (const { id, volume } of disks) {
    const found = around.get('volume', volume) as VolumeDocument | undefined
    const named = wish.disks.find(({ name }) => name === id)?.volume ?? null
    const isMade = found?.owner === machine.id && (found.spec.disk ?? bootDiskName) === id
    const isNamed = named !== null && resolveVolume(machine, named, around)?.id === volume
    const isThere = found !== undefined && found.deletingAtMs === null && (named === null ? isMade : isNamed)
    if (!isThere || isElsewhere(machine, volume, around))
      throw refused(reason('machine/memory-parts', { part: id }))
  }
}

const resolveVolume = ({ project }: MachineDocument, name: string, { find }: Around) =>
  resolve(name, { kind: 'volume', scope: 'project', project, find })

function isElsewhere(machine: MachineDocument, volume: string, around: Around): boolean {
  for (const document of around.all('guest')) {
    const { spec } = document as GuestDocument
    if (spec.machine !== machine.id && spec.disks.some((disk) => disk.volume === volume)) return true
  }
  return false
}

function wishOf(spec: MachineSpec, moment: Moment): MachineSpec {
  const { cpus, memoryMib, machineType, shape, wish } = moment
  const { hasBalloon: _, ...shaped } = shape
  const { format, isEncrypted, clone } = spec.bootDisk
  return {
    ...spec,
    ...shaped,
    ...wish,
    cpus,
    memoryMib,
    machineType,
    bootDisk: { ...wish.bootDisk, format, isEncrypted, clone },
  }
}
