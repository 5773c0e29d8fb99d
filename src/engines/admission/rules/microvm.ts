/** A microvm: what QEMU's smallest machine does not have. */

import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

/** Fields that a microvm has not, each with whether a wish asks for it. */
const lacking: readonly (readonly [field: string, asks: (spec: MachineSpec) => boolean])[] = [
  ['firmware', ({ firmware }) => firmware === 'uefi'],
  ['isSecureBoot', ({ isSecureBoot }) => isSecureBoot],
  ['hasTpm', ({ hasTpm }) => hasTpm],
  ['cdroms', ({ cdroms }) => cdroms.length > 0],
  ['shares', ({ shares }) => shares.length > 0],
  ['hostDevices', ({ hostDevices }) => hostDevices.length > 0],
  ['watchdog', ({ watchdog }) => watchdog !== 'none'],
  ['cpusMax', ({ cpusMax, cpus }) => cpusMax !== null && cpusMax > cpus],
  ['memoryMaxMib', ({ memoryMaxMib, memoryMib }) => memoryMaxMib !== null && memoryMaxMib > memoryMib],
  ['numaNodes', ({ numaNodes }) => numaNodes > 1],
  ['bootDisk.bus', ({ bootDisk }) => bootDisk.bus !== 'virtio'],
  ['disks', ({ disks }) => disks.some(({ bus }) => bus !== 'virtio')],
  ['nics', ({ nics }) => nics.some(({ model }) => model !== 'virtio')],
]

export const microvm: Rule<MachineSpec> = {
  name: 'microvm',
  check({ spec }) {
    if (spec.machineType !== 'microvm') return
    const [field] = lacking.find(([, asks]) => asks(spec)) ?? []
    if (field !== undefined) throw fieldProblem(`spec.${field}`, 'microvm')
  },
}
