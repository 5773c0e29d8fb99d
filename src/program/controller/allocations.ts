/**
 * What each host has given away, and so which hosts could take one more machine. Kept in memory from the
 * replica; written as one `allocation` entry a host, with a precondition, so that two placements at the
 * same moment cannot both take the last room (I-26).
 */

import type { Document, Stored } from '#model/document.ts'
import { Problem } from '#model/problem.ts'
import type { Change } from '#drivers/store/port.ts'
import { baselineOf } from '#engines/placement/baseline.ts'
import type { Candidate } from '#engines/placement/rule.ts'
import type { DatastoreDocument } from '#kinds/datastore/schema.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import type { Allocation } from '#kinds/machine/observed.ts'
import type { Allocations } from '#kinds/machine/observe.ts'
import type { Replica, Seen } from '#runtime/replica.ts'
import { Addresses } from './addresses.ts'
import { put } from './documents.ts'

type Shares = Readonly<Record<string, Allocation>>
type AllocationDocument = Document<{ readonly shares: Shares }, Record<string, never>>

export type Totals = { readonly machines: number; readonly cpus: number; readonly memoryMib: number }

export class HostAllocations implements Allocations {
  readonly #replica: Replica
  readonly #addresses: Addresses
  readonly #candidates = new Map<string, Candidate>()
  /** Worked out when it is asked for after a host has changed. */
  #baseline: string | undefined

  constructor(replica: Replica) {
    this.#replica = replica
    this.#addresses = new Addresses(replica)
    for (const { document } of replica.all('host')) this.#refresh(document.name)
    replica.onChange((seen) => this.#take(seen))
  }

  of(host: string, machine: string): Allocation | null {
    return this.#sharesOf(host)[machine] ?? null
  }

  candidates(): readonly Candidate[] {
    return [...this.#candidates.values()]
  }

  silentSince(host: string): string | null {
    const stored = this.#replica.find('host', null, host) as Stored<HostDocument> | undefined
    if (stored === undefined || stored.document.status.state === 'connected') return null
    return new Date(stored.document.status.sinceMs).toISOString()
  }

  addresses(...asked: Parameters<Addresses['of']>) {
    return this.#addresses.of(...asked)
  }

  baseline(): string {
    this.#baseline ??= baselineOf(
      [...this.#replica.all('host')].map(({ document }) => (document as HostDocument).status.cpuModels),
    )
    return this.#baseline
  }

  totals(host: string): Totals {
    const shares = Object.values(this.#sharesOf(host))
    return {
      machines: shares.length,
      cpus: shares.reduce((sum, { cpus }) => sum + cpus, 0),
      memoryMib: shares.reduce((sum, { memoryMib }) => sum + memoryMib, 0),
    }
  }

  room(host: string): Allocation | null {
    const found = this.#candidates.get(host)
    return found === undefined ? null : { cpus: found.freeCpus, memoryMib: found.freeMib }
  }

  /**
   * Changes that set one machine's share; null takes it back. Problem `store/conflict` when it must fit
   * and does not: the room that was seen is gone.
   */
  change(host: string, machine: string, allocation: Allocation | null, mustFit = false): readonly Change[] {
    if (mustFit && allocation !== null && !this.#fits(host, machine, allocation))
      throw new Problem('store/conflict', { kind: 'allocation', id: host })
    const stored = this.#stored(host)
    const { [machine]: _, ...others } = this.#sharesOf(host)
    const shares = allocation === null ? others : { ...others, [machine]: allocation }
    const document = stored?.document ?? allocationDocument(host)
    return [put({ ...document, spec: { shares } }, stored?.revision ?? 0)]
  }

  #fits(host: string, machine: string, { cpus, memoryMib }: Allocation): boolean {
    const room = this.room(host)
    const has = this.of(host, machine) ?? { cpus: 0, memoryMib: 0 }
    if (room === null) return false
    const isWithin = (more: number, free: number) => more <= Math.max(0, free)
    return isWithin(cpus - has.cpus, room.cpus) && isWithin(memoryMib - has.memoryMib, room.memoryMib)
  }

  #stored(host: string) {
    return this.#replica.get('allocation', host) as Stored<AllocationDocument> | undefined
  }

  #sharesOf(host: string): Shares {
    return this.#stored(host)?.document.spec.shares ?? {}
  }

  #take(seen: readonly Seen[]) {
    for (const { kind, before, after } of seen) {
      const name = (after ?? before)?.document.name
      if (name !== undefined && (kind === 'host' || kind === 'allocation')) this.#refresh(name)
      if (kind === 'host') this.#baseline = undefined
      if (kind === 'datastore')
        for (const { document } of this.#replica.all('host')) this.#refresh(document.name)
    }
  }

  #refresh(name: string) {
    const stored = this.#replica.find('host', null, name) as Stored<HostDocument> | undefined
    if (stored === undefined) this.#candidates.delete(name)
    else this.#candidates.set(name, this.#candidate(stored.document))
  }

  #candidate({ name, labels, spec, status }: HostDocument): Candidate {
    const { cpus, memoryMib } = this.totals(name)
    return {
      name,
      labels,
      isConnected: status.state === 'connected',
      isSchedulable: spec.isSchedulable,
      architecture: status.architecture,
      freeCpus: Math.floor(status.cpus * spec.vcpusPerCpu) - cpus,
      freeMib: status.memoryMib - spec.reserveMib - memoryMib,
      totalMib: status.memoryMib,
      datastores: this.#reached(name),
      networkDrivers: status.networkDrivers,
      cpuModels: status.cpuModels,
      hugePagesMib: status.hugePagesMib,
      numaNodes: status.numaNodes,
      hostDevices: status.hostDevices,
      shareFolders: status.shareFolders,
    }
  }

  #reached(host: string): string[] {
    const datastores = [...this.#replica.all('datastore')] as Stored<DatastoreDocument>[]
    return datastores
      .filter(({ document }) => document.spec.isShared || document.host === host)
      .map(({ document }) => document.name)
  }
}

/** The entry of one host with these shares; a new host has none. */
export const allocationDocument = (host: string, shares: Shares = {}): AllocationDocument => ({
  kind: 'allocation',
  id: host,
  name: host,
  project: null,
  generation: 1,
  version: 1,
  createdAtMs: 0,
  labels: {},
  description: '',
  isProtected: false,
  deletingAtMs: null,
  owner: null,
  host: null,
  spec: { shares },
  status: {},
})
