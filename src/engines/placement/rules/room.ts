/** Room: enough memory and virtual CPUs; the emptier host first, so that load spreads. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const room: Rule = {
  name: 'room',
  forbids(host, ask) {
    if (host.freeMib < ask.memoryMib) {
      return reason('placement/memory', { freeMib: Math.max(0, host.freeMib), neededMib: ask.memoryMib })
    }
    if (host.freeCpus < ask.cpus)
      return reason('placement/cpus', { free: Math.max(0, host.freeCpus), needed: ask.cpus })
    return undefined
  },
  prefers: (host, ask) => (host.totalMib > 0 ? (host.freeMib - ask.memoryMib) / host.totalMib : 0),
}
