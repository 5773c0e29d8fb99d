/** What the agent asks of its host: counters and levels of the whole, for whoever compares two readings. */

import type { HostReading } from '#model/readings.ts'

export interface Gauge {
  readonly name: string
  /** The reading of now; parts that cannot be read are left out of it. */
  read(): Promise<HostReading>
}
