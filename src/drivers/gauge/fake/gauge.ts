/** A host's gauge in memory: a quiet host, or whatever a test says. */

import type { HostReading } from '#model/readings.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Gauge } from '../port.ts'

export type FakeHost = { readonly cpus: number; readonly memoryMib: number }

export function fakeGauge(
  clock: Clock,
  { cpus, memoryMib }: FakeHost,
  change: (seconds: number) => Partial<HostReading> = () => ({}),
): Gauge {
  return {
    name: 'fake',
    read: async () => {
      const seconds = clock.monotonic() / 1000
      const memoryBytes = memoryMib * 2 ** 20
      return {
        boot: 'fake',
        cpu: {
          busySeconds: seconds * cpus * 0.05,
          stealSeconds: 0,
          ioWaitSeconds: 0,
          allSeconds: seconds * cpus,
        },
        load: cpus * 0.05,
        memoryBytes,
        memoryAvailableBytes: memoryBytes / 2,
        swapUsedBytes: 0,
        swapInBytes: 0,
        swapOutBytes: 0,
        pressure: { cpu: 0, memory: 0, io: 0 },
        nics: {},
        stores: {},
        ...change(seconds),
      }
    },
  }
}
