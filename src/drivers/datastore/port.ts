/** What the agent asks of any datastore. Volumes and images are named by their ids, never by people's names. */

import type { FileLayer } from '#drivers/hypervisor/port.ts'

export type VolumeSight = {
  readonly state: 'absent' | 'creating' | 'ready'
  readonly sizeBytes: number
  readonly storedBytes: number
}

/** What a guest opens: the top, and what it stands on, nearest first. */
export type DiskChain = FileLayer & { readonly backing: readonly FileLayer[] }

export type VolumeWish = {
  readonly format: 'qcow2' | 'raw'
  /** Null: as large as the image. */
  readonly sizeBytes: number | null
  /** Id of the image that it starts with; a linked clone where the format can. */
  readonly image: string | null
}

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
}

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
  create(volume: string, wish: VolumeWish, signal: AbortSignal): Promise<void>
  /** Grows a volume that no guest uses; repeated, does nothing. */
  grow(volume: string, sizeBytes: number, signal: AbortSignal): Promise<void>
  remove(volume: string, signal: AbortSignal): Promise<void>
  /** Where a guest opens it, with all that lies beneath it; `ownerUid` gets it, images and layers stay read-only. */
  open(volume: string, ownerUid: number | null): Promise<DiskChain>
  observeImage(image: string): Promise<ImageSight>
  images(): Promise<readonly string[]>
  /** A folder in which an image is put together; gone at a restart of the agent. */
  draft(image: string): Promise<string>
  /** Makes a draft the image, at once and for ever; `facts` are kept beside it. */
  seal(image: string, facts: Omit<ImageSight, 'state' | 'storedBytes'>): Promise<void>
  /** Names of the files of a sealed image, absolute. */
  imageFiles(
    image: string,
  ): Promise<{ readonly disk: string | null; readonly kernel: string | null; readonly initrd: string | null }>
  removeImage(image: string, signal: AbortSignal): Promise<void>
}
