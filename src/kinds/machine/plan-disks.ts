/** Which volumes a machine needs made, grown, or given up. Pure. */

import { proceed, wait, type Hold, type Plan } from '#model/plan.ts'
import type { VolumeDocument, VolumeSpec } from '#kinds/volume/schema.ts'
import type { MachineObserved } from './observed.ts'
import { bootDiskName, diskName, type Disk } from './parts.ts'
import { ready, sourceOf } from './plan-clone.ts'
import type { MachineStep } from './plan-step.ts'
import type { MachineSpec } from './schema.ts'

/** A disk without image and without a stated size gets a size that fits a system. */
const emptyDiskMib = 8192

/** A disk whose volume is made for the machine. */
type Made = {
  readonly disk: string
  readonly volume: VolumeDocument | null
  readonly name: string
  readonly sizeMib: number | undefined
  readonly spec: () => VolumeSpec
}

/** The next step that volumes need, if any; then what keeps one from being made. */
export function planDisks(
  wish: MachineSpec,
  seen: MachineObserved,
  host: string,
): Plan<MachineStep> | undefined {
  const made = madeDisks(wish, seen)
  const missing = made.find(({ volume }) => volume === null)
  if (missing !== undefined) {
    const held = missing.disk === bootDiskName ? imageHold(wish, seen) : undefined
    if (held !== undefined) return { steps: [], holds: [held] }
    const source = isMadeSince(missing, seen) ? ready : sourceOf(wish, seen)
    if (source.is === 'step') return proceed(source.step)
    if (source.is === 'hold') return wait(source.hold.code, source.hold.facts)
    return proceed({ do: 'create-volume', host, name: missing.name, spec: missing.spec() })
  }
  const small = made.find(isTooSmall)
  if (small?.volume !== null && small?.volume !== undefined)
    return proceed({ do: 'grow-volume', volume: small.volume.id, sizeMib: small.sizeMib ?? 0 })
  const spare = seen.spare.find((volume) => isFree(volume, seen))
  return spare === undefined ? undefined : proceed({ do: 'release-volume', volume: spare.id })
}

/** A disk that came to a clone whose source has gone by then; it starts with nothing of that. */
const isMadeSince = ({ disk }: Made, { bootVolume, source }: MachineObserved) =>
  disk !== bootDiskName && bootVolume !== null && source === null

const isTooSmall = ({ volume, sizeMib }: Made) =>
  volume !== null && sizeMib !== undefined && sizeMib > (volume.spec.sizeMib ?? 0)

/** Whether no body has it or may still have it. */
const isFree = ({ id }: VolumeDocument, { guest }: MachineObserved) =>
  guest === null || ![...guest.spec.disks, ...guest.spec.leaving].some(({ volume }) => volume === id)

function madeDisks(wish: MachineSpec, seen: MachineObserved): Made[] {
  const [boot = '', ...names] = seen.volumeNames
  const further = wish.disks.flatMap((disk, at): Made[] =>
    disk.volume === null
      ? [
          {
            disk: diskName(disk, at),
            volume: seen.disks[at] ?? null,
            name: names[at] ?? '',
            sizeMib: disk.sizeMib,
            spec: () => furtherSpec(wish, seen, disk, diskName(disk, at)),
          },
        ]
      : [],
  )
  const first: Made = {
    disk: bootDiskName,
    volume: seen.bootVolume,
    name: boot,
    sizeMib: wish.diskMib,
    spec: () => bootSpec(wish, seen),
  }
  return [first, ...further]
}

const blank = { snapshot: null, snapshotVolume: null, allocation: 'thin', revert: null } as const

const sized = (sizeMib: number | undefined, hasContent: boolean) =>
  sizeMib !== undefined ? { sizeMib } : hasContent ? {} : { sizeMib: emptyDiskMib }

function bootSpec(wish: MachineSpec, seen: MachineObserved): VolumeSpec {
  const { format, isEncrypted, clone } = wish.bootDisk
  const copied = copyOf(wish, seen, bootDiskName)
  return {
    ...blank,
    datastore: wish.datastore,
    format,
    isEncrypted,
    clone,
    image: copied === undefined ? wish.image : null,
    ...sized(wish.diskMib, copied !== undefined || wish.image !== null),
    ...copied,
    disk: bootDiskName,
  }
}

function furtherSpec(wish: MachineSpec, seen: MachineObserved, disk: Disk, name: string): VolumeSpec {
  const { format, isEncrypted, image, sizeMib, datastore } = disk
  const copied = copyOf(wish, seen, name)
  return {
    ...blank,
    datastore: datastore ?? wish.datastore,
    format,
    isEncrypted,
    clone: 'linked',
    image: copied === undefined ? image : null,
    ...sized(sizeMib, copied !== undefined || image !== null),
    ...copied,
    disk: name,
  }
}

/** What a clone's disk starts with; nothing where the snapshot has no such disk. */
function copyOf(
  { cloneOf }: MachineSpec,
  { source }: MachineObserved,
  disk: string,
): Partial<VolumeSpec> | undefined {
  const layer = source?.status.layers.find((one) => one.disk === disk)
  if (cloneOf === null || source === null || layer === undefined) return undefined
  const { clone } = cloneOf
  const copied = { snapshot: source.name, snapshotVolume: layer.volumeName, clone }
  // A linked clone stands on the layer, so it lies where that lies.
  return clone === 'linked' ? { ...copied, datastore: layer.datastore } : copied
}

export function imageHold(wish: MachineSpec, { image }: MachineObserved): Hold | undefined {
  if (wish.image === null || image?.status.state === 'ready') return undefined
  const code = image?.status.state === 'failed' ? 'machine/image-failed' : 'machine/no-image'
  return { code, facts: { image: wish.image } }
}

/** Volumes of the wish that are not there or not ready, by name. */
export const unreadyVolumes = (wish: MachineSpec, { bootVolume, disks }: MachineObserved): string[] => [
  ...(bootVolume === null || bootVolume.status.state === 'ready' ? [] : [bootVolume.name]),
  ...wish.disks.flatMap((disk, at) => {
    const volume = disks[at] ?? null
    return volume?.status.state === 'ready' ? [] : [volume?.name ?? disk.volume ?? diskName(disk, at)]
  }),
]
