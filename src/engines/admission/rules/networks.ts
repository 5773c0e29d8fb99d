/** Networks: what only a host's kernel can keep is not promised where QEMU alone carries the NIC (I-43). */

import { same } from '#base/json.ts'
import { resolve } from '#model/reference.ts'
import { nicName } from '#kinds/machine/parts.ts'
import { unkeptOf } from '#kinds/machine/plan-unkept.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import type { NetworkSpec } from '#kinds/network/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

/** What a NIC asks for and its network cannot keep. A NIC that is as it was is not refused: its machine says so. */
export const nics: Rule<MachineSpec> = {
  name: 'nics',
  check({ spec, before, document: { project }, around }) {
    const known = before?.nics.map(nicName) ?? []
    for (const [at, nic] of spec.nics.entries()) {
      if (same(before?.nics[known.indexOf(nicName(nic, at))], nic)) continue
      const { find } = around
      const network = resolve(nic.network, { kind: 'network', scope: 'project', project, find })
      if (network === undefined) continue
      const [field] = unkeptOf(nic, network.spec as NetworkSpec)
      if (field !== undefined)
        throw fieldProblem(`spec.nics.${at}.${field}`, 'bridge', { network: nic.network })
    }
  },
}

/** Fields that only the bridge driver has a use for, with the value that asks for nothing. */
const nothing = {
  mode: 'nat',
  subnet4: null,
  subnet6: null,
  domain: '',
  hasDhcp: true,
  interface: '',
  vlan: null,
  isFiltered: true,
} as const satisfies Partial<NetworkSpec>

const asks = (spec: NetworkSpec, field: keyof NetworkSpec, value: unknown) => !same(spec[field], value)

export const networks: Rule<NetworkSpec> = {
  name: 'networks',
  check({ spec, before }) {
    const isNew = (field: keyof NetworkSpec) => before === undefined || !same(before[field], spec[field])
    const refuse = (field: keyof NetworkSpec, fault: string, facts: Record<string, string>) => {
      if (isNew(field)) throw fieldProblem(`spec.${field}`, fault, facts)
    }
    if (spec.driver === 'user') {
      for (const [field, value] of Object.entries(nothing) as [keyof typeof nothing, unknown][])
        if (asks(spec, field, value)) refuse(field, 'needs', { needed: 'driver bridge' })
      if (spec.dns.length > 0) refuse('dns', 'needs', { needed: 'driver bridge' })
      return
    }
    if (spec.mode === 'bridged') {
      if (spec.isRestricted) refuse('isRestricted', 'excluded', { other: 'mode bridged' })
      return
    }
    for (const field of ['interface', 'vlan'] as const)
      if (asks(spec, field, nothing[field])) refuse(field, 'needs', { needed: 'mode bridged' })
  },
}
