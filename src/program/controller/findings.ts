/** What bounds a machine now, worked out from its last minute, its guest's wish and its host. */

import type { JsonObject } from '#base/json.ts'
import { findBottleneck, type Found } from '#engines/bottleneck/find.ts'
import type { Situation } from '#engines/bottleneck/rule.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { Replica } from '#runtime/replica.ts'
import type { Measurements } from './measurements.ts'

export class Findings {
  readonly #replica: Replica
  readonly #measurements: Measurements

  /** Needs the index `guest-of`. */
  constructor(replica: Replica, measurements: Measurements) {
    this.#replica = replica
    this.#measurements = measurements
  }

  /** Of a machine, by its id. */
  of(machine: string): Found {
    return findBottleneck(this.#situation(machine))
  }

  /** Newest figures of a machine, guest or host, with a machine's finding; nothing when nobody measured it of late. */
  live(kind: string, id: string): JsonObject | undefined {
    const machine = kind === 'guest' ? (this.#replica.get('guest', id)?.document.owner ?? '') : id
    const recent = this.#measurements.recent(kind === 'guest' ? 'machine' : kind, machine)
    if (recent === undefined) return undefined
    const { newest: figures, sampledAtMs } = recent
    const finding = kind === 'machine' ? { finding: this.of(machine) as unknown as JsonObject } : {}
    return { sampledAtMs, figures, ...finding }
  }

  #situation(id: string): Situation | undefined {
    const recent = this.#measurements.recent('machine', id)
    const guest = this.#replica.by('guest-of', id)[0]?.document
    if (recent === undefined || guest === undefined) return undefined
    const { machineName, cpus, disks, nics } = guest.spec as GuestSpec
    const host = this.#replica.find('host', null, guest.host ?? '')?.document
    return {
      name: machineName,
      cpus,
      figures: recent.mean,
      disks: disks.map(({ id, datastore, iops = null, mibPerSecond = null }) => ({
        id,
        datastore,
        iops,
        mibPerSecond,
      })),
      nics: nics.map(({ id, mbitIn = null, mbitOut = null }) => ({ id, mbitIn, mbitOut })),
      host: {
        name: guest.host ?? '',
        figures: host === undefined ? {} : (this.#measurements.recent('host', host.id)?.mean ?? {}),
      },
    }
  }
}
