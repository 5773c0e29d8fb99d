/** Addresses: a MAC that a person gives is nobody else's in the pool (I-27). */

import type { Document } from '#model/document.ts'
import { macOf } from '#kinds/machine/body-parts.ts'
import { nicName } from '#kinds/machine/parts.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

const macsOf = ({ id, spec }: Document<MachineSpec>) =>
  spec.nics.map((nic, at) => nic.mac ?? macOf(id, nicName(nic, at)))

export const addresses: Rule<MachineSpec> = {
  name: 'addresses',
  check({ spec, before, document, around }) {
    const known = new Set(before?.nics.map(({ mac }) => mac))
    const asked = spec.nics.flatMap(({ mac }, at) =>
      mac === undefined || known.has(mac) ? [] : [{ mac, at }],
    )
    if (asked.length === 0) return
    for (const other of around.all('machine')) {
      if (other.id === document.id) continue
      const macs = macsOf(other as Document<MachineSpec>)
      const clash = asked.find(({ mac }) => macs.includes(mac))
      if (clash !== undefined)
        throw fieldProblem(`spec.nics.${clash.at}.mac`, 'elsewhere', { value: clash.mac })
    }
  },
}
