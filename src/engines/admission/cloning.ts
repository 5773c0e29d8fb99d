/** What a clone is when nothing else is said: its source's wish, but for what is one machine's own. Pure. */

import { isObject } from '#base/json.ts'
import type { Document } from '#model/document.ts'
import { resolve } from '#model/reference.ts'
import { FirstBoot } from '#kinds/machine/first-boot.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { Around } from './around.ts'

type Place = { readonly kind: string; readonly project: string | null; readonly around: Around }

/** The spec as sent, over that of the machine it is to be a clone of; as it is when it is none. */
export function overSource(spec: unknown, { kind, project, around }: Place): unknown {
  if (kind !== 'machine' || !isObject(spec) || !isObject(spec.cloneOf)) return spec
  const { machine, snapshot } = spec.cloneOf
  const named = <D extends Document>(of: string, name: unknown) =>
    typeof name === 'string'
      ? (resolve(name, { kind: of, scope: 'project', project, find: around.find }) as D | undefined)
      : undefined
  const source = named<Document<MachineSpec>>('machine', machine)
  if (source === undefined) return spec
  const volumeNamed = (name: string) => named<VolumeDocument>('volume', name)
  return { ...ownWish(source.spec, named<SnapshotDocument>('snapshot', snapshot), volumeNamed), ...spec }
}

type VolumeNamed = (name: string) => VolumeDocument | undefined

/** A wish without what makes it one machine's: its addresses, ports, power, and what it has of its host. */
function ownWish(
  spec: MachineSpec,
  snapshot: SnapshotDocument | undefined,
  volumeNamed: VolumeNamed,
): Partial<MachineSpec> {
  return {
    ...without(spec, ['power', 'boot', 'revert', 'cloneOf', 'forceOnceSeconds']),
    disks: disksOf(spec, snapshot, volumeNamed),
    nics: spec.nics.map((nic) => ({
      ...without(nic, ['mac']),
      address4: null,
      address6: null,
      forwards: nic.forwards.map((forward) => ({ ...forward, hostPort: 0 })),
    })),
    // The host's devices and folders are given by an administrator to one machine.
    hostDevices: [],
    shares: [],
    // A seed of its own, also where its source has none, or it would come up as its source.
    firstBoot: { ...(spec.firstBoot ?? FirstBoot.parse({})), hostname: null },
  }
}

const without = <Value extends object, Name extends keyof Value>(value: Value, names: readonly Name[]) =>
  Object.fromEntries(Object.entries(value).filter(([name]) => !names.some((one) => one === name))) as Omit<
    Value,
    Name
  >

/** Each disk becomes one that is made for the clone; of a snapshot, those that it has. */
function disksOf(
  spec: MachineSpec,
  snapshot: SnapshotDocument | undefined,
  volumeNamed: VolumeNamed,
): MachineSpec['disks'] {
  const kept = snapshot?.status.layers.map(({ disk }) => disk)
  return spec.disks
    .filter(({ name = '' }) => kept === undefined || kept.includes(name))
    .map((disk) => {
      const volume = disk.volume === null ? undefined : volumeNamed(disk.volume)
      const { datastore, format, isEncrypted } = volume?.spec ?? disk
      const sizeMib = volume === undefined ? disk.sizeMib : sizeOf(volume)
      const size = sizeMib === undefined ? {} : { sizeMib }
      return { ...disk, ...size, volume: null, image: null, datastore, format, isEncrypted }
    })
}

const sizeOf = ({ spec, status }: VolumeDocument) =>
  spec.sizeMib ?? (status.sizeBytes > 0 ? Math.ceil(status.sizeBytes / 2 ** 20) : undefined)
