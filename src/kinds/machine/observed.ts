/** What a machine's planner is shown of the world. */

import type { Given } from '#engines/addressing/assign.ts'
import type { Candidate } from '#engines/placement/rule.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import type { ImageDocument } from '#kinds/image/schema.ts'
import type { NetworkDocument } from '#kinds/network/schema.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { MachineDocument } from './schema.ts'

export type MachineObserved = {
  readonly machine: MachineDocument
  /** Since when its host has not answered, as people read it; null: it answers. */
  readonly hostSilentSince: string | null
  readonly image: ImageDocument | null
  readonly bootVolume: VolumeDocument | null
  /** The further disks of the wish, in its order; null: no such volume, or not made yet. */
  readonly disks: readonly (VolumeDocument | null)[]
  /** Volumes that were made for disks which are no longer wished. */
  readonly spare: readonly VolumeDocument[]
  /** Names that volumes to be made may have: of the boot disk, then of each further disk. */
  readonly volumeNames: readonly string[]
  /** What lies in the CD drives; null: nothing, or no such image. */
  readonly media: readonly (ImageDocument | null)[]
  /** The networks of the NICs, in their order; null: no such network. */
  readonly networks: readonly (NetworkDocument | null)[]
  /** Ids of the security groups of each NIC. */
  readonly groups: readonly (readonly string[])[]
  /** The addresses that each NIC gets, or why it gets none. */
  readonly addresses: readonly Given[]
  /** The CPU model that every host of the pool has. */
  readonly baseline: string
  /** The snapshot that it starts with, or goes back to; null: none, or no such snapshot. */
  readonly source: SnapshotDocument | null
  readonly returning: SnapshotDocument | null
  readonly guest: GuestDocument | null
  /** What the host has given this machine so far, in its allocation. */
  readonly allocated: Allocation | null
  /** What its host has still to give; null while it has no host or the host is not known. */
  readonly room: Allocation | null
  /** Hosts to choose from; looked up only while it has none. */
  readonly candidates: readonly Candidate[]
}

export type Allocation = { readonly cpus: number; readonly memoryMib: number }
