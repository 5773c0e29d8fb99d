/** Ready: connected, and taking new machines. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const ready: Rule = {
  name: 'ready',
  forbids(host) {
    if (!host.isConnected) return reason('placement/host-not-ready')
    if (!host.isSchedulable) return reason('placement/maintenance')
    return undefined
  },
}
