/** What can be read off a guest or a host at one moment: counters since an unknown start, and levels. Null: unknown. */

export type VcpuReading = {
  readonly runSeconds: number
  /** How long it could have run but had no CPU; null where the host does not tell. */
  readonly waitSeconds: number | null
}

export type DiskReading = {
  readonly readBytes: number
  readonly writeBytes: number
  readonly readOps: number
  readonly writeOps: number
  readonly flushOps: number
  readonly failedOps: number
  /** Times of all requests, added up. */
  readonly requestSeconds: number
  /** How long at least one was under way; null: not told. */
  readonly busySeconds: number | null
}

export type NicReading = {
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly receivedPackets: number
  readonly sentPackets: number
  readonly dropped: number
}

/** Of one guest. Which process it is of shows in `process`: counters of two are not compared. */
export type Usage = {
  readonly process: string
  readonly cpuSeconds: number
  readonly residentBytes: number
  readonly proportionalBytes: number | null
  readonly hostSwappedBytes: number | null
  /** By number; empty: unknown. */
  readonly vcpus: readonly VcpuReading[]
  /** Memory that the guest was given, and what the balloon leaves of it. */
  readonly memoryBytes: number
  readonly actualBytes: number | null
  /** What the guest itself says of its memory; never believed beyond what it was given. */
  readonly inside: {
    readonly totalBytes: number
    readonly availableBytes: number
    readonly swapInBytes: number | null
    readonly swapOutBytes: number | null
    readonly majorFaults: number | null
  } | null
  readonly disks: Readonly<Record<string, DiskReading>>
  readonly nics: Readonly<Record<string, NicReading>>
}

export type HostReading = {
  readonly boot: string
  /** Seconds of all CPUs together. */
  readonly cpu: {
    readonly busySeconds: number
    readonly stealSeconds: number
    readonly ioWaitSeconds: number
    readonly allSeconds: number
  }
  readonly load: number
  readonly memoryBytes: number
  readonly memoryAvailableBytes: number
  readonly swapUsedBytes: number
  readonly swapInBytes: number | null
  readonly swapOutBytes: number | null
  /** Seconds in which somebody waited; null where the kernel does not tell. */
  readonly pressure: { readonly cpu: number; readonly memory: number; readonly io: number } | null
  readonly nics: Readonly<Record<string, NicReading>>
  /** The device under each datastore, by the datastore's name. */
  readonly stores: Readonly<Record<string, DiskReading>>
}
