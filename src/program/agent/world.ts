/** What every loop of the agent works with. */

import type { Clock } from '#drivers/clock/port.ts'
import type { DatastoreDoor } from '#drivers/datastore/port-opening.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { Gauge } from '#drivers/gauge/port.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import type { ImageMaker } from '#drivers/image/port.ts'
import type { LinkClient } from '#drivers/link/port.ts'
import type { HostNetworking, Network } from '#drivers/network/port.ts'
import type { Notebook } from '#drivers/notebook/port.ts'
import type { Seeds } from '#drivers/seed/port.ts'
import type { HostStatus } from '#kinds/host/schema.ts'
import type { BeforeStep } from '#runtime/reconcile.ts'
import type { Stores } from './stores.ts'

/** What does not change while the host runs. */
export type HostFacts = Pick<
  HostStatus,
  'architecture' | 'cpus' | 'memoryMib' | 'kernel' | 'hostname' | 'bootId'
> &
  Partial<Pick<HostStatus, 'hugePagesMib' | 'numaNodes' | 'hostDevices' | 'shareFolders'>>

export type AgentPorts = {
  readonly link: LinkClient
  readonly notebook: Notebook
  readonly hypervisor: Hypervisor
  /** The datastore of a name on this host, or nothing when this host does not reach it. */
  readonly datastore: (name: string) => Datastore | undefined
  /** Opens further ones, as documents say; absent where there are only those that are given. */
  readonly datastores?: DatastoreDoor
  /** Set by the agent itself: what it has opened. */
  readonly stores?: Pick<Stores, 'refresh' | 'drop' | 'faultOf'>
  /** Single NICs in user mode; it also chooses ports of the host for all others. */
  readonly network: Network
  /** Whole networks in the host's kernel; `place` tells this Decant from others on the host. */
  readonly networking?: { readonly driver: HostNetworking; readonly place: string } | undefined
  readonly imageMaker: ImageMaker
  /** Absent where guests are told nothing. */
  readonly seeds?: Pick<Seeds, 'build'>
  /** Absent where the host itself is not measured. */
  readonly gauge?: Gauge
  readonly clock: Clock
  readonly facts: HostFacts
  /** The host's own addresses, but those of networks that Decant makes. */
  readonly addresses?: () => readonly string[]
  readonly newId: () => string
  /** A word that cannot be guessed, for a guest's proof of life: lower-case letters and digits. */
  readonly newWord: () => string
  readonly log: (line: string) => void
  readonly beforeStep?: BeforeStep
}

export type AgentOptions = { readonly host: string; readonly version: string }
