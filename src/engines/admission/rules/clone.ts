/** Clones: of a machine that is there, and of a snapshot of that very machine. */

import type { Document } from '#model/document.ts'
import { resolve } from '#model/reference.ts'
import type { MachineSpec } from '#kinds/machine/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

export const clone: Rule<MachineSpec> = {
  name: 'clone',
  check({ spec, before, document, around }) {
    const { cloneOf } = spec
    if (cloneOf === null || before !== undefined) return
    const named = (kind: string, name: string) =>
      resolve(name, { kind, scope: 'project', project: document.project, find: around.find })
    const source = named('machine', cloneOf.machine) as Document<MachineSpec> | undefined
    if (source === undefined) return
    if (spec.image !== source.spec.image) throw fieldProblem('spec.image', 'excluded', { other: 'cloneOf' })
    if (cloneOf.clone === 'linked' && spec.datastore !== source.spec.datastore)
      throw fieldProblem('spec.datastore', 'linked', { datastore: source.spec.datastore })
    if (cloneOf.snapshot === null) return
    const snapshot = named('snapshot', cloneOf.snapshot)
    if (snapshot !== undefined && !isOf(snapshot, cloneOf.machine))
      throw fieldProblem('spec.cloneOf.snapshot', 'other-machine', { machine: cloneOf.machine })
    if (snapshot !== undefined && isPassing(snapshot, source.id))
      throw fieldProblem('spec.cloneOf.snapshot', 'passing', { value: cloneOf.snapshot })
  },
}

/** Whether a snapshot was taken for a clone, with which it goes once that stands. */
export const isPassing = ({ owner }: Document, machine: string) => owner !== null && owner !== machine

/** Whether a snapshot is of a machine of this name. */
export const isOf = (snapshot: Document, machine: string) =>
  (snapshot.spec as { readonly machine: string }).machine === machine
