/**
 * The one table of what a change of a guest's wish means for the guest that runs: done live, with the next start,
 * or not at all, and why. Dry runs, the plan over the API, `restartRequired` and forms read it. Pure.
 */

import { differences, same } from '#base/json.ts'
import type { GuestDisk, GuestNic } from '#kinds/guest/parts.ts'
import type { GuestSpec, GuestStatus } from '#kinds/guest/schema.ts'
import { reason, type Reason } from '#model/plan.ts'

export type When = 'live' | 'restart' | 'refused'

export type Change = {
  /** As people know it: a field of the machine, or `disk data`, `nic net0`, `cdrom0`. */
  readonly field: string
  readonly when: When
  /** What happens to it. */
  readonly does: 'set' | 'attach' | 'detach' | 'resize' | 'limit' | 'medium' | 'link'
  /** Why not live; null: it is. */
  readonly why: Reason | null
}

export type Wished = Pick<
  GuestSpec,
  'cpus' | 'memoryMib' | 'machineType' | 'balloonMib' | 'disks' | 'nics' | 'cdroms' | 'shape' | 'firstBoot'
>
export type Running = Pick<
  NonNullable<GuestStatus['running']>,
  'cpus' | 'memoryMib' | 'machineType' | 'cpusMax' | 'memoryMaxMib' | 'memoryMinMib'
>

type Judged = Pick<Change, 'when' | 'why'>

const live: Judged = { when: 'live', why: null }
const restart = (why: Reason): Judged => ({ when: 'restart', why })
const atStart = restart(reason('change/at-start'))
const noHotplug = restart(reason('change/no-hotplug'))

/** Everything in which two wishes differ, judged for the guest as it runs. */
export function changesOf(before: Wished, after: Wished, running: Running): Change[] {
  return [
    ...sizeChanges(before, after, running),
    ...shapeChanges(before, after),
    ...diskChanges(before, after, running),
    ...cdromChanges(before, after, running),
    ...nicChanges(before, after, running),
  ]
}

/** Fields of the machine that wait for the next start. */
export const waitingOf = (changes: readonly Change[]): string[] => [
  ...new Set(changes.filter(({ when }) => when === 'restart').map(({ field }) => wholeOf(field))),
]

/** The field that a part stands in. */
const wholeOf = (field: string) =>
  field.startsWith('disk ')
    ? 'disks'
    : field.startsWith('nic ')
      ? 'nics'
      : /^cdrom\d/.test(field)
        ? 'cdroms'
        : field

const set = (field: string, judged: Judged): Change => ({ field, does: 'set', ...judged })

function sizeChanges(before: Wished, after: Wished, running: Running): Change[] {
  return [
    ...(after.cpus === before.cpus ? [] : [set('cpus', judgeCpus(after.cpus, running))]),
    ...(after.memoryMib === before.memoryMib
      ? []
      : [set('memoryMib', judgeMemory(after.memoryMib, running))]),
    ...(after.balloonMib === before.balloonMib ? [] : [set('balloonMib', live)]),
  ]
}

/** Whether the running guest can come to so many CPUs. */
export function judgeCpus(wanted: number, { machineType, cpus, cpusMax }: Running): Judged {
  if (wanted === cpus) return live
  if (machineType === 'microvm') return noHotplug
  // QEMU unplugs a CPU that the guest may be running on (QEMU 7.2, device_del).
  if (wanted < cpus) return restart(reason('change/cpus-removed'))
  const most = cpusMax ?? cpus
  return wanted <= most ? live : restart(reason('change/cpus-most', { most }))
}

/** What it was begun with stays; what came above it goes as far as the guest lets go. */
export function judgeMemory(wanted: number, running: Running): Judged {
  const { machineType, memoryMib, memoryMaxMib, memoryMinMib } = running
  if (wanted === memoryMib) return live
  if (machineType === 'microvm') return noHotplug
  if (wanted < (memoryMinMib ?? memoryMib)) return restart(reason('change/memory-removed'))
  const most = memoryMaxMib ?? memoryMib
  return wanted <= most ? live : restart(reason('change/memory-most', { most }))
}

/** Parts of the shape that a running guest need not be told of. */
const unseen: ReadonlySet<string> = new Set(['bootOrder', 'hasGuestAgent', 'hasBalloon'])

function shapeChanges(before: Wished, after: Wished): Change[] {
  const isNoted = before.shape.machineVersion === null
  const fields = differences(before.shape, after.shape).map(({ path }) => path.split('.')[0] ?? path)
  return [
    ...(before.machineType === after.machineType ? [] : [set('machineType', atStart)]),
    // Only written down: it is the version that runs.
    ...[...new Set(fields)]
      .filter((field) => field !== 'machineVersion' || !isNoted)
      .map((field) => set(field, unseen.has(field) ? live : atStart)),
    ...(same(before.firstBoot, after.firstBoot)
      ? []
      : [set('firstBoot', restart(reason('change/first-boot')))]),
  ]
}

const named = <Part extends { readonly id: string }>(parts: readonly Part[]) =>
  new Map(parts.map((part) => [part.id, part]))

/** Buses whose disks come and go while a PC runs; QEMU has no hot-plug for IDE and for SATA on q35. */
const hotBuses: ReadonlySet<string> = new Set(['virtio', 'scsi', 'nvme', 'usb'])

/** Whether a disk comes or goes while the guest runs. */
export function judgePlug({ bus }: Pick<GuestDisk, 'bus'>, { machineType }: Running): Judged {
  if (machineType === 'microvm') return noHotplug
  return hotBuses.has(bus) ? live : restart(reason('change/bus', { bus }))
}

function diskChanges(before: Wished, after: Wished, running: Running): Change[] {
  const [had, has] = [named(before.disks), named(after.disks)]
  const gone = before.disks.filter(({ id }) => !has.has(id))
  return [
    ...gone.map((disk): Change => part('disk', disk.id, 'detach', judgeDetach(disk, running))),
    ...after.disks.flatMap((disk) => {
      const was = had.get(disk.id)
      return was === undefined
        ? [part('disk', disk.id, 'attach', judgePlug(disk, running))]
        : diskEdits(was, disk, running)
    }),
  ]
}

const part = (kind: string, id: string, does: Change['does'], judged: Judged): Change => ({
  field: kind === '' ? id : `${kind} ${id}`,
  does,
  ...judged,
})

/** The disk that the guest booted from goes with the body only. */
const judgeDetach = (disk: GuestDisk, running: Running): Judged =>
  disk.id === 'disk0' ? atStart : judgePlug(disk, running)

/** One goes and another comes in its place. */
function judgeSwap(was: GuestDisk, is: GuestDisk, running: Running): Judged {
  const going = judgeDetach(was, running)
  return going.when === 'live' ? judgeDetach(is, running) : going
}

/** How a disk is attached, as far as it can only be changed by a new start. */
const attached = ['bus', 'cache', 'io', 'discard', 'isReadOnly', 'format'] as const

function diskEdits(was: GuestDisk, is: GuestDisk, running: Running): Change[] {
  const isAnother = was.volume !== is.volume
  const isOtherwise = attached.some((field) => was[field] !== is[field])
  return [
    ...(isAnother ? [part('disk', is.id, 'attach', judgeSwap(was, is, running))] : []),
    ...(isOtherwise && !isAnother ? [part('disk', is.id, 'set', atStart)] : []),
    ...(same([was.iops, was.mibPerSecond], [is.iops, is.mibPerSecond])
      ? []
      : [part('disk', is.id, 'limit', live)]),
    ...(was.sizeBytes === is.sizeBytes || isAnother ? [] : [part('disk', is.id, 'resize', live)]),
  ]
}

function cdromChanges(before: Wished, after: Wished, { machineType }: Running): Change[] {
  const had = named(before.cdroms)
  const has = named(after.cdroms)
  const drives = before.cdroms.filter(({ id }) => !has.has(id))
  return [
    ...drives.map(({ id }) => part('', id, 'detach', atStart)),
    ...after.cdroms.flatMap(({ id, image }) => {
      const was = had.get(id)
      if (was === undefined) return [part('', id, 'attach', machineType === 'microvm' ? noHotplug : atStart)]
      return was.image === image ? [] : [part('', id, 'medium', live)]
    }),
  ]
}

/** What a NIC is to the guest; the rest is the business of its host. */
const plugged = ['mac', 'model', 'mtu', 'network', 'driver', 'isRestricted'] as const

function nicChanges(before: Wished, after: Wished, running: Running): Change[] {
  const [had, has] = [named(before.nics), named(after.nics)]
  const judged = running.machineType === 'microvm' ? noHotplug : live
  const gone = before.nics.filter(({ id }) => !has.has(id))
  return [
    ...gone.map(({ id }) => part('nic', id, 'detach', judged)),
    ...after.nics.flatMap((nic) => {
      const was = had.get(nic.id)
      return was === undefined ? [part('nic', nic.id, 'attach', judged)] : nicEdits(was, nic, judged)
    }),
  ]
}

function nicEdits(was: GuestNic, is: GuestNic, judged: Judged): Change[] {
  // It is taken out and put in anew.
  const isAnother =
    plugged.some((field) => was[field] !== is[field]) ||
    (is.driver === 'user' && !same(was.forwards, is.forwards))
  if (isAnother) return [part('nic', is.id, 'attach', judged)]
  const isOtherLink = was.isLinkUp !== is.isLinkUp
  const rest = differences({ ...was, isLinkUp: true }, { ...is, isLinkUp: true })
  return [
    ...(isOtherLink ? [part('nic', is.id, 'link', live)] : []),
    ...(rest.length > 0 ? [part('nic', is.id, 'set', live)] : []),
  ]
}

/** Fields of a machine that stay as they were created, with the reason that people are given. */
export const refusedFields: Readonly<Record<string, Reason>> = {
  image: reason('change/content'),
  datastore: reason('change/content'),
  cloneOf: reason('change/content'),
  'bootDisk.format': reason('change/content'),
  'bootDisk.isEncrypted': reason('change/content'),
  'bootDisk.clone': reason('change/content'),
}
