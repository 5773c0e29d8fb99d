/** Devices: those of the host that the machine is to have to itself. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const devices: Rule = {
  name: 'devices',
  forbids(host, { hostDevices }) {
    const missing = hostDevices.find((address) => !host.hostDevices.includes(address))
    return missing === undefined ? undefined : reason('placement/device', { device: missing })
  },
}
