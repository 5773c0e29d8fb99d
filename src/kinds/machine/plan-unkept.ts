/** What a NIC asks for that its network cannot keep. Pure. */

import { reason, type Hold } from '#model/plan.ts'
import type { NetworkSpec } from '#kinds/network/schema.ts'
import type { MachineObserved } from './observed.ts'
import { nicName } from './parts.ts'
import type { MachineSpec } from './schema.ts'

const isAsked = (value: unknown) => (Array.isArray(value) ? value.length > 0 : value !== null)

/** Only the host's kernel holds packets back: where QEMU alone carries a NIC, nobody does. */
const kernelOnly = ['securityGroups', 'mbitIn', 'mbitOut', 'address4', 'address6'] as const

/** Fields of a NIC, in their order. */
export const unkeptOf = (nic: MachineSpec['nics'][number], { driver }: Pick<NetworkSpec, 'driver'>) =>
  driver === 'bridge' ? [] : kernelOnly.filter((field) => isAsked(nic[field]))

/** NICs whose wish is older than the rule against it, or whose project has a group `default` by now. */
export const unkeptHolds = (wish: MachineSpec, { networks, groups }: MachineObserved): Hold[] =>
  wish.nics.flatMap((nic, at) => {
    const network = networks[at] ?? null
    if (network === null || network.spec.driver === 'bridge') return []
    const own = unkeptOf(nic, network.spec)
    const isGrouped = (groups[at] ?? []).length > 0 && !own.includes('securityGroups')
    const fields = [...(isGrouped ? ['securityGroups'] : []), ...own]
    return fields.length === 0
      ? []
      : [
          reason('network/needs-bridge', {
            nic: nicName(nic, at),
            network: network.name,
            fields: fields.join(', '),
          }),
        ]
  })
