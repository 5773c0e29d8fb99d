/** Disks: an existing volume, or what one is to be made of; what it was made of stays. */

import { same } from '#base/json.ts'
import { diskName, type Disk } from '#kinds/machine/parts.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'
import { fixed } from '../wish.ts'

/** What only a volume that is made has. */
const ofMade = ['sizeMib', 'image', 'datastore'] as const
/** What a disk was made of. */
const lasting = ['volume', 'image', 'datastore', 'format', 'isEncrypted'] as const

export const made: Rule<MachineSpec> = {
  name: 'made',
  check({ spec, before }) {
    if (spec.bootDisk.isEncrypted && spec.bootDisk.format === 'raw')
      throw fieldProblem('spec.bootDisk.isEncrypted', 'needs', { needed: 'format qcow2' })
    const had = new Map(before?.disks.map((disk, at) => [diskName(disk, at), disk]))
    for (const [at, disk] of spec.disks.entries()) {
      const field = `spec.disks.${at}`
      checkNew(disk, field, spec.cloneOf !== null)
      const was = had.get(diskName(disk, at))
      if (was !== undefined) checkKept(was, disk, field)
    }
  },
}

function checkNew(disk: Disk, field: string, isClone: boolean) {
  const other = disk.volume === null ? undefined : ofMade.find((name) => (disk[name] ?? null) !== null)
  if (other !== undefined) throw fieldProblem(`${field}.${other}`, 'excluded', { other: 'volume' })
  if (disk.volume === null && disk.sizeMib === undefined && disk.image === null && !isClone)
    throw fieldProblem(`${field}.sizeMib`, 'required')
  if (disk.isEncrypted && disk.format === 'raw')
    throw fieldProblem(`${field}.isEncrypted`, 'needs', { needed: 'format qcow2' })
}

function checkKept(was: Disk, is: Disk, field: string) {
  const other = lasting.find((name) => !same(was[name], is[name]))
  if (other !== undefined) throw fixed(`${field}.${other}`)
  if (was.sizeMib !== undefined && (is.sizeMib === undefined || is.sizeMib < was.sizeMib))
    throw fieldProblem(`${field}.sizeMib`, 'falls', { bound: was.sizeMib })
}
