/** What a host is told with a wish besides the wish: the ids of what it names, keys, a machine's disks. */

import type { JsonObject } from '#base/json.ts'
import type { Document, Stored } from '#model/document.ts'
import { resolve } from '#model/reference.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import type { ImageDocument } from '#kinds/image/schema.ts'
import type { Layer, SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { VolumeDocument, VolumeSpec } from '#kinds/volume/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import type { VolumeKeys } from './volume-keys.ts'

/** Agents know no names: what a wish names is told by id. */
export function toldWith(replica: Replica, keys: VolumeKeys, document: Document): JsonObject {
  switch (document.kind) {
    case 'volume':
      return ofVolume(replica, keys, document as VolumeDocument)
    case 'snapshot':
      return ofSnapshot(replica, document as SnapshotDocument)
    case 'image':
      return ofImage(replica, document as ImageDocument)
    default:
      return { resolved: {} }
  }
}

function ofVolume(replica: Replica, keys: VolumeKeys, document: VolumeDocument): JsonObject {
  const { spec } = document
  const layer = sourceOf(replica, document)
  const known = spec.isEncrypted ? keys.of(document.id) : undefined
  return {
    resolved: {
      image: spec.image === null ? null : idOf(replica, 'image', document, spec.image),
      source: layer?.snapshot ?? null,
      sourceVolume: layer?.volume ?? null,
      revert: spec.revert === null ? null : idOf(replica, 'snapshot', document, spec.revert.snapshot),
    },
    ...(known === undefined ? {} : { keys: { ...known.keys }, sealed: known.sealed }),
  }
}

const ofImage = (replica: Replica, document: ImageDocument): JsonObject => ({
  resolved: { volume: volumeOf(replica, document)?.id ?? null },
})

/** The volume whose content an image copies. */
export const volumeOf = (replica: Replica, document: ImageDocument) =>
  document.spec.volume === null ? undefined : lookUp(replica, 'volume', document, document.spec.volume)

/** The layer that a volume starts with: its snapshot and the volume it is of. */
export function sourceOf(replica: Replica, document: Document<VolumeSpec>) {
  const { snapshot: name, snapshotVolume } = document.spec
  if (name === null) return undefined
  const found = lookUp(replica, 'snapshot', document, name) as SnapshotDocument | undefined
  if (found === undefined || found.status.state !== 'ready') return undefined
  const { layers } = found.status
  const plain = snapshotVolume?.slice(snapshotVolume.indexOf('/') + 1)
  const layer =
    plain === undefined
      ? layers.length === 1
        ? layers[0]
        : undefined
      : layers.find(({ volumeName }) => volumeName === plain)
  return layer === undefined
    ? undefined
    : { snapshot: found.id, volume: layer.volume, datastore: layer.datastore, host: found.host }
}

function ofSnapshot(replica: Replica, document: SnapshotDocument): JsonObject {
  const { machine } = document.status
  const [guest] = machine === null ? [] : (replica.by('guest-of', machine) as Stored<GuestDocument>[])
  return {
    resolved: { guest: guest?.document.id ?? null },
    disks: machine === null ? [] : disksOf(replica, machine, guest?.document).map((disk) => ({ ...disk })),
  }
}

/** The disks that a machine has now: those of its body, or without one those that were made for it. */
export function disksOf(replica: Replica, machine: string, guest: GuestDocument | undefined): Layer[] {
  if (guest !== undefined)
    return guest.spec.disks
      .filter(({ isReadOnly }) => !isReadOnly)
      .map(({ id, volume, volumeName, datastore }) => ({
        disk: id,
        volume,
        volumeName,
        datastore,
        sizeBytes: 0,
      }))
  return (replica.by('volume-of', machine) as Stored<VolumeDocument>[]).map(({ document }) => ({
    disk: document.spec.disk ?? 'disk0',
    volume: document.id,
    volumeName: document.name,
    datastore: document.spec.datastore,
    sizeBytes: 0,
  }))
}

const idOf = (replica: Replica, kind: string, document: Document, name: string) =>
  lookUp(replica, kind, document, name)?.id ?? null

export function lookUp(replica: Replica, kind: string, { project }: Document, name: string) {
  const find = (kind: string, project: string | null, name: string) =>
    replica.find(kind, project, name)?.document
  return resolve(name, { kind, scope: 'project', project, find })
}
