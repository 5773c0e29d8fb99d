/** Content: a disk is not smaller than the image that it starts with, and what is read fits its drive. */

import { at } from '#base/json.ts'
import { resolve } from '#model/reference.ts'
import { diskName } from '#kinds/machine/parts.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import type { Around } from '../around.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

/** Size of an image in whole MiB; 0 while it is not known. */
export function imageMib(name: string | null, project: string | null, { find }: Around): number {
  if (name === null) return 0
  const image = resolve(name, { kind: 'image', scope: 'project', project, find })
  const bytes = at(image, 'status.virtualBytes')
  return typeof bytes === 'number' ? Math.ceil(bytes / 2 ** 20) : 0
}

/** Refuses a new size below an image's. */
export function checkFits(sizeMib: number | undefined, leastMib: number, field: string) {
  if (sizeMib !== undefined && sizeMib < leastMib)
    throw fieldProblem(field, 'image-size', { bound: leastMib })
}

export const content: Rule<MachineSpec> = {
  name: 'content',
  check({ spec, before, document, around }) {
    const { project } = document
    if (spec.diskMib !== before?.diskMib)
      checkFits(spec.diskMib, imageMib(spec.image, project, around), 'spec.diskMib')
    const known = new Set(before?.disks.map(diskName))
    for (const [place, disk] of spec.disks.entries()) {
      if (known.has(diskName(disk, place))) continue
      checkFits(disk.sizeMib, imageMib(disk.image, project, around), `spec.disks.${place}.sizeMib`)
    }
  },
}
