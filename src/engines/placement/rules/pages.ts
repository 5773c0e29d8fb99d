/** Pages: huge pages for all of the memory that the machine may come to, and as many NUMA nodes. */

import { reason } from '#model/plan.ts'
import type { Rule } from '../rule.ts'

export const pages: Rule = {
  name: 'pages',
  forbids(host, { hugePages, numaNodes }) {
    if (hugePages !== null && host.hugePagesMib[hugePages.size] < hugePages.mib)
      return reason('placement/huge-pages', {
        size: hugePages.size,
        hasMib: host.hugePagesMib[hugePages.size],
        neededMib: hugePages.mib,
      })
    // Nodes can be made up where memory is ordinary; huge pages lie in real ones.
    return hugePages === null || host.numaNodes >= numaNodes
      ? undefined
      : reason('placement/numa', { has: host.numaNodes, needed: numaNodes })
  },
}
