/** CPUs: how they are counted up to the most, and how they divide. */

import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

export const cpus: Rule<MachineSpec> = {
  name: 'cpus',
  check({ spec }) {
    const { cpus, cpusMax, sockets, threads, numaNodes } = spec
    if (cpusMax !== null && cpusMax < cpus) throw fieldProblem('spec.cpusMax', 'least', { bound: cpus })
    const [most, each] = [cpusMax ?? cpus, (sockets ?? 1) * threads]
    if (most % each !== 0)
      throw fieldProblem(cpusMax === null ? 'spec.cpus' : 'spec.cpusMax', 'multiple', { bound: each })
    if (numaNodes > cpus) throw fieldProblem('spec.numaNodes', 'most', { bound: cpus })
  },
}
