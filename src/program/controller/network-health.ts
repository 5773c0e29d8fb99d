/** What hosts say of the networks they carry, written into the networks for people. */

import { same } from '#base/json.ts'
import type { Hold } from '#model/plan.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import type { NetworkStatus } from '#kinds/network/schema.ts'
import type { Replica, Seen } from '#runtime/replica.ts'
import { edited } from './documents.ts'

/** A network is on as many hosts as there are; this many of their troubles tell enough. */
const shown = 16

export class NetworkHealth {
  readonly #replica: Replica
  readonly #log: (fault: unknown) => void

  constructor(replica: Replica, log: (fault: unknown) => void) {
    this.#replica = replica
    this.#log = log
  }

  follow() {
    this.#replica.onChange((seen) => {
      for (const network of new Set(seen.flatMap(concerned))) void this.#write(network).catch(this.#log)
    })
  }

  async #write(id: string) {
    const holds: Hold[] = [...this.#replica.all('host')]
      .flatMap(({ document }) => (document as HostDocument).status.networkTroubles)
      .filter(({ network }) => network === id)
      .map(({ hold }) => hold)
    await edited(this.#replica, { kind: 'network', id }, (document) => {
      const status = document.status as NetworkStatus
      const state = holds.length === 0 ? 'ready' : 'degraded'
      return { ...document, status: { ...status, state, holds: holds.slice(0, shown) } }
    })
  }
}

/** Networks of which a host says something else than before. */
function concerned({ kind, before, after }: Seen): string[] {
  if (kind !== 'host') return []
  const [was, is] = [before, after].map(
    (stored) => (stored?.document as HostDocument | undefined)?.status.networkTroubles ?? [],
  )
  return same(was, is) ? [] : [...(was ?? []), ...(is ?? [])].map(({ network }) => network)
}
