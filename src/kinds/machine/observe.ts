/** Looks at everything that a machine's plan needs, in the controller's replica. */

import type { Document, Stored } from '#model/document.ts'
import { resolve } from '#model/reference.ts'
import type { Given } from '#engines/addressing/assign.ts'
import type { Candidate } from '#engines/placement/rule.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import type { ImageDocument } from '#kinds/image/schema.ts'
import type { NetworkDocument } from '#kinds/network/schema.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { Allocation, MachineObserved } from './observed.ts'
import { bootDiskName, diskName } from './parts.ts'
import type { MachineDocument } from './schema.ts'

/** What observing and acting need of the controller's view; the replica offers it, rehearsals fake it. */
export type View = {
  get(kind: string, id: string): Stored | undefined
  find(kind: string, project: string | null, name: string): Stored | undefined
  by(index: string, key: string): readonly Stored[]
}

export type Allocations = {
  of(host: string, machine: string): Allocation | null
  /** What a host has still to give; null when it is not known. */
  room(host: string): Allocation | null
  candidates(): readonly Candidate[]
  /** Since when a host has not answered, as people read it; null: it answers. */
  silentSince(host: string): string | null
  /** The CPU model that every host of the pool has. */
  baseline(): string
  /** What addresses the NICs of a machine get on their networks. */
  addresses(
    machine: MachineDocument,
    networks: readonly (NetworkDocument | null)[],
    guest: GuestDocument | null,
  ): readonly Given[]
}

export type MachineSeen = MachineObserved & {
  /** Revisions of the documents seen, for the preconditions of what is done. */
  readonly revisions: {
    readonly machine: number
    readonly guest: number
    readonly volumes: ReadonlyMap<string, number>
    readonly source: number
  }
}

export function observeMachine(
  document: MachineDocument,
  revision: number,
  view: View,
  allocations: Allocations,
): MachineSeen {
  const { spec, id, host } = document
  const [guest] = view.by('guest-of', id) as readonly Stored<GuestDocument>[]
  const named = <D extends Document>(kind: string, name: string | null) =>
    name === null ? null : lookUp<D>(view, kind, document.project, name)
  const volumes = volumesOf(document, view)
  const source = sourceOf(document, view)
  const networks = spec.nics.map(
    ({ network }) => named<NetworkDocument>('network', network)?.document ?? null,
  )
  return {
    machine: document,
    hostSilentSince: host === null ? null : allocations.silentSince(host),
    image: named<ImageDocument>('image', spec.image)?.document ?? null,
    bootVolume: volumes.boot?.document ?? null,
    disks: volumes.disks.map((volume) => volume?.document ?? null),
    spare: volumes.spare.map(({ document: volume }) => volume),
    volumeNames: volumeNames(document, view),
    media: spec.cdroms.map(({ image }) => named<ImageDocument>('image', image)?.document ?? null),
    networks,
    addresses: allocations.addresses(document, networks, guest?.document ?? null),
    // A NIC that names none is in the project's own `default`, where there is one.
    groups: spec.nics.map(({ securityGroups }) =>
      (securityGroups.length === 0 ? ['default'] : securityGroups).flatMap(
        (group) => named('security-group', group)?.document.id ?? [],
      ),
    ),
    baseline: allocations.baseline(),
    source: source?.document ?? null,
    returning: named<SnapshotDocument>('snapshot', spec.revert?.snapshot ?? null)?.document ?? null,
    guest: guest?.document ?? null,
    allocated: host === null ? null : allocations.of(host, id),
    room: host === null ? null : allocations.room(host),
    candidates: host === null && document.deletingAtMs === null ? allocations.candidates() : [],
    revisions: {
      machine: revision,
      guest: guest?.revision ?? 0,
      volumes: new Map(volumes.all.map((volume) => [volume.document.id, volume.revision])),
      source: source?.revision ?? 0,
    },
  }
}

function lookUp<D extends Document>(
  view: View,
  kind: string,
  project: string | null,
  name: string,
): Stored<D> | null {
  const find = (kind: string, project: string | null, name: string) =>
    view.find(kind, project, name)?.document
  const found = resolve(name, { kind, scope: 'project', project, find })
  return found === undefined ? null : ((view.get(kind, found.id) as Stored<D> | undefined) ?? null)
}

/** The volumes of a machine by the disks that they are; a disk that is made is known by its volume's note of it. */
function volumesOf({ id, spec, project }: MachineDocument, view: View) {
  const own = view.by('volume-of', id) as readonly Stored<VolumeDocument>[]
  const made = new Map(own.map((volume) => [volume.document.spec.disk ?? bootDiskName, volume]))
  const disks = spec.disks.map((disk, at) =>
    disk.volume === null
      ? (made.get(diskName(disk, at)) ?? null)
      : lookUp<VolumeDocument>(view, 'volume', project, disk.volume),
  )
  const boot = made.get(bootDiskName)
  const wished = new Set([boot, ...disks].map((volume) => volume?.document.id))
  const spare = own.filter(({ document }) => !wished.has(document.id))
  return {
    boot,
    disks,
    spare,
    all: [boot, ...disks, ...spare].filter((one) => one !== null && one !== undefined),
  }
}

/** Names for volumes to be made, none of them taken: a volume that was given up keeps its name. */
function volumeNames(document: MachineDocument, view: View): string[] {
  const isTaken = (name: string) => view.find('volume', document.project, name) !== undefined
  return ['boot', ...document.spec.disks.map(diskName)].map((disk) => freeName(document, disk, isTaken))
}

function freeName({ name, id }: MachineDocument, disk: string, isTaken: (name: string) => boolean): string {
  for (let count = 1; ; count++) {
    const tail = `-${id.slice(0, 8)}-${disk}${count === 1 ? '' : `-${count}`}`
    // A volume's name has at most 63 characters, as a machine's.
    const free = `${name.slice(0, 63 - tail.length).replace(/-+$/, '')}${tail}`
    if (!isTaken(free)) return free
  }
}

/** The snapshot that a clone starts with: the one that was named, else its own. */
function sourceOf(document: MachineDocument, view: View): Stored<SnapshotDocument> | null {
  const { cloneOf } = document.spec
  if (cloneOf === null) return null
  if (cloneOf.snapshot !== null)
    return lookUp<SnapshotDocument>(view, 'snapshot', document.project, cloneOf.snapshot)
  const [own] = view.by('snapshot-of', document.id) as readonly Stored<SnapshotDocument>[]
  return own ?? null
}
