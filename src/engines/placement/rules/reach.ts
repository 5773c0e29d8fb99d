/** Reach: every datastore that the machine's disks lie in. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const reach: Rule = {
  name: 'reach',
  forbids(host, ask) {
    const missing = ask.datastores.find((datastore) => !host.datastores.includes(datastore))
    return missing === undefined ? undefined : reason('placement/datastore', { datastore: missing })
  },
}
