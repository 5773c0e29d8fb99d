/** What a simulated guest uses: a little of everything, growing with time, unless somebody says otherwise. */

import type { Usage } from '#model/readings.ts'
import type { FakeGuest, FakeWorld } from './world.ts'

/** What differs from the usual for a guest that has run for so long. */
export type Load = (id: string, seconds: number) => Partial<Usage>

const loads = new WeakMap<FakeWorld, Load>()

/** Puts load on the guests of a host. */
export const loadGuests = (world: FakeWorld, load: Load) => void loads.set(world, load)

const idle = 0.01

export function fakeUsage(world: FakeWorld, id: string, guest: FakeGuest): Usage {
  const { spec } = guest.body
  const seconds = Math.max(0, world.clock.now() - (guest.startedAtMs ?? 0)) / 1000
  const memoryBytes = spec.memoryMib * 2 ** 20
  const ops = Math.floor(seconds)
  const disk = {
    readBytes: ops * 4096,
    writeBytes: ops * 8192,
    readOps: ops,
    writeOps: ops,
    flushOps: 0,
    failedOps: 0,
    requestSeconds: ops / 1000,
    busySeconds: null,
  }
  return {
    process: String(guest.pid),
    cpuSeconds: seconds * idle,
    residentBytes: memoryBytes,
    proportionalBytes: null,
    hostSwappedBytes: 0,
    vcpus: Array.from({ length: spec.cpus }, () => ({
      runSeconds: (seconds * idle) / spec.cpus,
      waitSeconds: 0,
    })),
    memoryBytes,
    actualBytes: memoryBytes,
    inside: null,
    disks: Object.fromEntries(spec.disks.map(({ id }) => [id, disk])),
    nics: {},
    ...loads.get(world)?.(id, seconds),
  }
}
