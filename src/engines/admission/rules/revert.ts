/** Reverts: to a snapshot of the machine itself that is complete. */

import { resolve } from '#model/reference.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import { Problem } from '#model/problem.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'
import { isOf, isPassing } from './clone.ts'

export const revert: Rule<MachineSpec> = {
  name: 'revert',
  check({ spec, before, document, around }) {
    if (spec.revert === null || spec.revert.at === before?.revert?.at) return
    const { snapshot: name } = spec.revert
    const found = resolve(name, {
      kind: 'snapshot',
      scope: 'project',
      project: document.project,
      find: around.find,
    }) as SnapshotDocument | undefined
    if (found === undefined)
      throw new Problem('object/not-found', { kind: 'snapshot', name }, { field: 'snapshot' })
    if (!isOf(found, document.name))
      throw fieldProblem('snapshot', 'other-machine', { machine: document.name })
    if (isPassing(found, document.id)) throw fieldProblem('snapshot', 'passing', { value: name })
    if (found.status.state !== 'ready' || found.deletingAtMs !== null)
      throw fieldProblem('snapshot', 'not-ready', { value: name })
  },
}
