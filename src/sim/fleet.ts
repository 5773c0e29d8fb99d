/**
 * A simulated fleet for the real controller, in real time and in its own process: tens of thousands of light
 * agents that take wishes and say what is, without a host behind them. For the console, for demonstrations
 * and for figures; the simulator proper runs the real agent.
 */

import type { Clock } from '#drivers/clock/port.ts'
import { memoryLink } from '#drivers/link/memory/link.ts'
import type { LinkServer } from '#drivers/link/port.ts'
import type { Store } from '#drivers/store/port.ts'
import { limits } from '#model/limits.ts'
import { Flock } from './flock.ts'
import { hostName } from './light.ts'
import { stocked } from './stock.ts'

export type FleetSize = { readonly hosts: number; readonly machines: number }

export type Fleet = {
  /** What the controller is given as its link. */
  readonly link: LinkServer
  /** Fills an empty store with hosts and running machines; does nothing to one that has been filled. */
  seed(store: Store): Promise<void>
  /** Lets the agents connect and carry out wishes; call once the controller runs. */
  start(): Promise<void>
  stop(): Promise<void>
}

/** Commits under way at once: enough for the store to write many at a time. */
const commitsAtOnce = 64

export function simulatedFleet({ hosts, machines, clock }: FleetSize & { readonly clock: Clock }): Fleet {
  const link = memoryLink(clock)
  const flock = new Flock(link, clock)
  return {
    link: link.server,
    seed: async (store) => {
      if ((await store.snapshot('host')).entries.length > 0) return
      await seeded(store, { hosts, machines }, clock.now())
    },
    start: () => flock.connect(Array.from({ length: hosts }, (_, at) => hostName(at))),
    stop: () => flock.stop(),
  }
}

async function seeded(store: Store, size: FleetSize, nowMs: number) {
  let underWay: Promise<unknown>[] = []
  for (const changes of stocked(size, nowMs, limits.changesPerCommit)) {
    underWay.push(store.commit(changes))
    if (underWay.length < commitsAtOnce) continue
    await Promise.all(underWay)
    underWay = []
  }
  await Promise.all(underWay)
}
