/** Volumes: one origin of their content, not smaller than it; LUKS only within qcow2. */

import type { VolumeSpec } from '#kinds/volume/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'
import { checkFits, imageMib } from './content.ts'

export const volumes: Rule<VolumeSpec> = {
  name: 'volumes',
  check({ spec, before, document, around }) {
    if (spec.image !== null && spec.snapshot !== null)
      throw fieldProblem('spec.snapshot', 'excluded', { other: 'image' })
    if (spec.isEncrypted && spec.format === 'raw')
      throw fieldProblem('spec.isEncrypted', 'needs', { needed: 'format qcow2' })
    if (spec.sizeMib === before?.sizeMib && before !== undefined) return
    checkFits(spec.sizeMib, imageMib(spec.image, document.project, around), 'spec.sizeMib')
  },
}
