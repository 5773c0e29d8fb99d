/** Memory: within its most, whole huge pages, and what the balloon may leave of it. */

import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

const pageMib = { none: 1, '2MiB': 2, '1GiB': 1024 } as const

export const memory: Rule<MachineSpec> = {
  name: 'memory',
  check({ spec }) {
    const { memoryMib, memoryMaxMib, balloonMib, hugePages, numaNodes } = spec
    if (memoryMaxMib !== null && memoryMaxMib < memoryMib)
      throw fieldProblem('spec.memoryMaxMib', 'least', { bound: memoryMib })
    if (balloonMib !== null && balloonMib > memoryMib)
      throw fieldProblem('spec.balloonMib', 'most', { bound: memoryMib })
    // Each NUMA node has its own memory, in whole pages.
    const each = pageMib[hugePages] * numaNodes
    if (memoryMib % each !== 0) throw fieldProblem('spec.memoryMib', 'multiple', { bound: each })
    if (memoryMaxMib !== null && memoryMaxMib % pageMib[hugePages] !== 0)
      throw fieldProblem('spec.memoryMaxMib', 'multiple', { bound: pageMib[hugePages] })
  },
}
