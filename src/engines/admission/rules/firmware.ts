/** Firmware: what needs UEFI. */

import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

export const firmware: Rule<MachineSpec> = {
  name: 'firmware',
  check({ spec }) {
    if (spec.isSecureBoot && spec.firmware !== 'uefi')
      throw fieldProblem('spec.isSecureBoot', 'needs', { needed: 'firmware uefi' })
    if (spec.screens > 1 && spec.screen !== 'virtio')
      throw fieldProblem('spec.screens', 'needs', { needed: 'screen virtio' })
  },
}
