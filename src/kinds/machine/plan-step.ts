/** The steps of a machine's plan: each is one commit to the store. */

import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { VolumeSpec } from '#kinds/volume/schema.ts'
import type { Allocation } from './observed.ts'
import type { MachineStatus } from './schema.ts'

export type MachineStep =
  | {
      readonly do: 'place'
      readonly host: string
      readonly candidates: number
      readonly allocation: Allocation
    }
  | { readonly do: 'allocate'; readonly host: string; readonly allocation: Allocation }
  /** A snapshot of the machine that it is a clone of, its own and gone once its disks are made. */
  | { readonly do: 'create-snapshot'; readonly name: string; readonly machine: string }
  | { readonly do: 'delete-snapshot'; readonly snapshot: string }
  | { readonly do: 'create-volume'; readonly host: string; readonly name: string; readonly spec: VolumeSpec }
  | { readonly do: 'grow-volume'; readonly volume: string; readonly sizeMib: number }
  /** A disk that is no longer wished stays as a volume of its own: nobody said that its content may go. */
  | { readonly do: 'release-volume'; readonly volume: string }
  | { readonly do: 'delete-volume'; readonly volume: string }
  | {
      readonly do: 'create-guest'
      readonly host: string
      readonly spec: GuestSpec
      readonly claims: readonly string[]
    }
  | {
      readonly do: 'update-guest'
      readonly spec: GuestSpec
      readonly claims: readonly string[]
      readonly releases: readonly string[]
    }
  | { readonly do: 'remove-guest'; readonly spec: GuestSpec }
  | { readonly do: 'forget-guest'; readonly releases: readonly string[] }
  /** Tells volumes to go back; what each was told is noted in the same commit. */
  | {
      readonly do: 'revert-volumes'
      readonly snapshot: string
      readonly reverting: NonNullable<MachineStatus['reverting']>
    }
  | {
      readonly do: 'end-revert'
      readonly at: number
      readonly snapshot: string
      readonly memoryOf: MachineStatus['memoryOf']
    }
  | { readonly do: 'forget' }
