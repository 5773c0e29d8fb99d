/** Network: the drivers that carry the networks of the machine's NICs. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const network: Rule = {
  name: 'network',
  forbids(host, ask) {
    const missing = ask.networkDrivers.find((driver) => !host.networkDrivers.includes(driver))
    return missing === undefined ? undefined : reason('placement/network', { driver: missing })
  },
}
