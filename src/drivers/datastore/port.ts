/** What the agent asks of any datastore. Volumes, images and snapshots are named by their ids, never by people's names. */

import type { FileLayer } from '#drivers/hypervisor/port.ts'
import type { Appliance } from '#kinds/image/parts.ts'

export type VolumeSight = {
  readonly state: 'absent' | 'creating' | 'ready'
  readonly sizeBytes: number
  readonly storedBytes: number
  /** Its top; null while there is none. */
  readonly file: string | null
  /** Files beneath its top that are volumes', its own or another's; images are not counted. */
  readonly layers: number
  /** Snapshots whose layer it keeps. */
  readonly snapshots: readonly string[]
  /** The snapshot for which a new top has been prepared that is not the top yet, and the new top's file. */
  readonly next: { readonly snapshot: string; readonly file: string } | null
  /** The revert that was carried out last. */
  readonly reverted: { readonly snapshot: string; readonly at: number } | null
  /** A layer that nobody names any more and whose content is to move into the one file that stands on it. */
  readonly merge: VolumeMerge | null
  /** Whether it is being filled from elsewhere: `arrived` ends that. */
  readonly isArriving: boolean
}

/** Files by their absolute names. `base`: what the merged file stands on afterwards; null: nothing. */
export type VolumeMerge = {
  readonly into: string
  readonly gone: string
  readonly base: string | null
  /** Whether it is the top: then a guest that runs must do it. All else is done beside it. */
  readonly isTop: boolean
}

/** What a guest opens: the top, and what it stands on, nearest first. */
export type DiskChain = FileLayer & { readonly backing: readonly FileLayer[] }

/** Keys by name. Secrets: never in arguments, logs or files that stay. */
export type Keys = Readonly<Record<string, string>>

export type VolumeWish = {
  readonly format: 'qcow2' | 'raw'
  /** Null: as large as what it starts with. */
  readonly sizeBytes: number | null
  /** Id of the image that it starts with; a linked clone where the format can and it is wished. */
  readonly image: string | null
  /** The layer of a volume of this datastore that it starts with; instead of an image. */
  readonly layer?: { readonly volume: string; readonly snapshot: string } | null
  /** Whole content that is copied, from wherever; instead of an image. Nobody writes to it meanwhile. */
  readonly content?: DiskChain | null
  /** Whether it stands on what it starts with, or alone. Absent: linked where the format can. */
  readonly isLinked?: boolean
  /** Whether it takes its whole size at once. */
  readonly isFull?: boolean
  /** Name of the key that it is encrypted with (qcow2 only); null: plain. */
  readonly key?: string | null
  /** All keys that are needed. */
  readonly keys?: Keys
  /** Stays `creating` until `arrived`: a guest that runs fills it. */
  readonly isArriving?: boolean
}

/** How far a long work is, from 0 to 1. */
export type Progress = (fraction: number) => void

/** An image that is whole and will never change: its folder holds disk, and kernel and initrd if any. */
export type ImageSight = {
  readonly state: 'absent' | 'partial' | 'ready'
  readonly virtualBytes: number
  readonly storedBytes: number
  readonly sha256: string
  readonly format: string
  readonly boot: 'disk' | 'kernel'
  readonly commandLine: string
  readonly architecture: string
  /** What the content was before it was made ours; absent: not known. */
  readonly cameAs?: string
  /** A disk (also when absent), or a read-only medium for a CD drive. */
  readonly medium?: 'disk' | 'cdrom'
  /** The machine that an archive described. */
  readonly appliance?: Appliance | null
}

/** Every effect can be repeated and may be killed at any instant (I-20); nothing else's content changes (I-29). */
export interface Datastore {
  readonly name: string
  /** Whether it can be used, and its room. Problems say why not. */
  look(): Promise<{
    readonly capacityBytes: number
    readonly freeBytes: number
    readonly hasReflink: boolean
  }>
  volumes(): Promise<readonly string[]>
  observe(volume: string): Promise<VolumeSight>
  /** Appears whole or not at all; repeated, does nothing. Never shows old data (I-32). */
  create(volume: string, wish: VolumeWish, signal: AbortSignal, report?: Progress): Promise<void>
  /** Grows a volume that no guest uses; repeated, does nothing. */
  grow(volume: string, sizeBytes: number, signal: AbortSignal, keys?: Keys): Promise<void>
  /** Removes it for whoever asks; layers on which clones stand stay, hidden, until the last clone is gone. */
  remove(volume: string, signal: AbortSignal): Promise<void>
  /**
   * Where a guest opens it, with all that lies beneath it; `ownerUid` gets it, images and layers stay read-only.
   * A prepared top becomes the top: after a crash nobody knows whether it has been written to.
   */
  open(volume: string, ownerUid: number | null): Promise<DiskChain>
  /** The layer of a snapshot with what lies beneath it, read-only. */
  layer(volume: string, snapshot: string): Promise<DiskChain>
  /**
   * Prepares a new top for a snapshot: above the present one, empty, with the key that is named, not in use yet.
   * Repeated, gives the same. Problem `datastore/failed` while another is prepared.
   */
  prepareTop(
    volume: string,
    wish: {
      readonly snapshot: string
      readonly ownerUid: number | null
      readonly key: string | null
      readonly keys: Keys
    },
    signal: AbortSignal,
  ): Promise<FileLayer>
  /** What was prepared is the top: the guest has switched, or none runs. What was the top is the snapshot's layer. */
  raiseTop(volume: string, snapshot: string): Promise<void>
  /** Gives up what was prepared; only while a guest that runs is known not to have switched. */
  lowerTop(volume: string, snapshot: string): Promise<void>
  /** A new top above the snapshot's layer; no guest runs. The old top goes with what was only its own. */
  revert(
    volume: string,
    wish: {
      readonly snapshot: string
      readonly at: number
      readonly key: string | null
      readonly keys: Keys
    },
    signal: AbortSignal,
  ): Promise<void>
  /** Forgets the snapshot's layer. It is gone, or `observe` tells what is to be merged into what. */
  dropLayer(volume: string, snapshot: string): Promise<void>
  /** Carries out the merge that `observe` tells; into a top only while no guest runs. */
  merge(volume: string, keys: Keys, signal: AbortSignal, report?: Progress): Promise<void>
  /** The guest that runs has carried out the merge into the top. */
  merged(volume: string, merge: VolumeMerge): Promise<void>
  /** All content has come. */
  arrived(volume: string): Promise<void>
  /** Where a snapshot's memory is to appear, whole and at once; a piece beside it, `.part`, goes at a restart. */
  memoryPlace(snapshot: string): Promise<string>
  /** File of a snapshot's memory and its size; null when there is none. */
  memory(snapshot: string): Promise<{ readonly file: string; readonly bytes: number } | null>
  removeMemory(snapshot: string): Promise<void>
  observeImage(image: string): Promise<ImageSight>
  images(): Promise<readonly string[]>
  /** A folder in which an image is put together; gone at a restart of the agent. */
  draft(image: string): Promise<string>
  /** Gives up the draft and what is in it. Does nothing when there is none. */
  dropDraft(image: string): Promise<void>
  /** A folder for what has come of its content; stays over restarts, goes with `seal`, `removeImage`, or after a day. */
  landing(image: string): Promise<string>
  /**
   * Makes a draft the image, at once and for ever; `facts` are kept beside it. `content`: the SHA-256 of the disk, which
   * is kept once however many images have it.
   */
  seal(image: string, facts: Omit<ImageSight, 'state' | 'storedBytes'>, content?: string): Promise<void>
  /** Names of the files of a sealed image, absolute. */
  imageFiles(
    image: string,
  ): Promise<{ readonly disk: string | null; readonly kernel: string | null; readonly initrd: string | null }>
  removeImage(image: string, signal: AbortSignal): Promise<void>
}
