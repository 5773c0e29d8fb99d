/** A placement rule forbids a host, and says why, or prefers it, by a number from 0 to 1. */

import type { Reason } from '#model/plan.ts'

export type Candidate = {
  readonly name: string
  readonly isConnected: boolean
  readonly isSchedulable: boolean
  readonly architecture: string
  readonly labels: Readonly<Record<string, string>>
  readonly freeCpus: number
  readonly freeMib: number
  readonly totalMib: number
  /** Names of the datastores that it reaches. */
  readonly datastores: readonly string[]
  readonly networkDrivers: readonly string[]
  /** Named CPU models that it can run; empty: it does not say. */
  readonly cpuModels: readonly string[]
  readonly hugePagesMib: Readonly<Record<'2MiB' | '1GiB', number>>
  readonly numaNodes: number
  /** Addresses of the devices that it gives away. */
  readonly hostDevices: readonly string[]
  /** Folders below which it shows guests folders. */
  readonly shareFolders: readonly string[]
}

export type Ask = {
  readonly cpus: number
  readonly memoryMib: number
  readonly architecture: string
  readonly hostLabels: Readonly<Record<string, string>>
  /** Datastores that must be reached, by name. */
  readonly datastores: readonly string[]
  /** What carries its networks. */
  readonly networkDrivers: readonly string[]
  /** A CPU model by name; null: whichever there is. */
  readonly cpuModel: string | null
  readonly hugePages: { readonly size: '2MiB' | '1GiB'; readonly mib: number } | null
  readonly numaNodes: number
  readonly hostDevices: readonly string[]
  /** Folders of its host that it is shown. */
  readonly shareFolders: readonly string[]
}

export type Rule = {
  readonly name: string
  readonly forbids?: (host: Candidate, ask: Ask) => Reason | undefined
  readonly prefers?: (host: Candidate, ask: Ask) => number
}
