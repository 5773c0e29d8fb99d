/** Datastores: what their driver needs is said, and nothing that it has no use for; one that is promised beyond its bound. */

import type { DatastoreSpec } from '#kinds/datastore/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

/** `.` and `..` would make two names of one folder. */
const isPlainFolder = (folder: string) =>
  folder.startsWith('/') &&
  !folder
    .split('/')
    .slice(1)
    .some((part) => ['', '.', '..'].includes(part))

const sourceForms = {
  nfs: /^([a-zA-Z0-9][a-zA-Z0-9.-]{0,252}|\[[0-9a-fA-F:.]{2,45}\]):\/[\w@%+=.,:/-]{0,400}$/,
  'lvm-thin': /^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,62}\/[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,62}$/,
} as const

export const datastores: Rule<DatastoreSpec> = {
  name: 'datastores',
  check({ spec, before }) {
    if (before !== undefined) return
    const { driver, folder, source, isShared } = spec
    if (driver === 'directory') {
      if (source !== '') throw fieldProblem('spec.source', 'excluded', { other: 'driver directory' })
      if (folder !== '' && !isPlainFolder(folder)) throw fieldProblem('spec.folder', 'form')
      // A pool that is simulated has shared ones that lie nowhere.
      if (folder === '' && !isShared) throw fieldProblem('spec.folder', 'required')
      return
    }
    if (folder !== '') throw fieldProblem('spec.folder', 'excluded', { other: `driver ${driver}` })
    if (!sourceForms[driver].test(source))
      throw fieldProblem('spec.source', source === '' ? 'required' : 'form')
    if (driver === 'lvm-thin' && isShared)
      throw fieldProblem('spec.isShared', 'excluded', { other: 'driver lvm-thin' })
  },
}
