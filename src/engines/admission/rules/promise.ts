/** Volumes: a datastore with a bound on what it promises takes none beyond it. Its agent holds what slips through (I-26). */

import type { DatastoreSpec, DatastoreStatus } from '#kinds/datastore/schema.ts'
import type { VolumeSpec, VolumeStatus } from '#kinds/volume/schema.ts'
import { fieldProblem } from '../fields.ts'
import type { Rule } from '../rule.ts'

export const promise: Rule<VolumeSpec> = {
  name: 'promise',
  check({ document, spec, before, around }) {
    if (spec.sizeMib === undefined) return
    if (before?.datastore === spec.datastore && (before.sizeMib ?? 0) >= spec.sizeMib) return
    const datastore = around.find('datastore', null, spec.datastore)
    const { overcommit = null } = (datastore?.spec ?? {}) as Partial<DatastoreSpec>
    const { capacityMib = 0 } = (datastore?.status ?? {}) as Partial<DatastoreStatus>
    if (overcommit === null || capacityMib === 0) return
    const limitMib = Math.floor(capacityMib * overcommit)
    let neededMib = spec.sizeMib
    for (const other of around.all('volume')) {
      const wish = other.spec as VolumeSpec
      if (other.id === document.id || wish.datastore !== spec.datastore) continue
      neededMib += wish.sizeMib ?? Math.ceil((other.status as VolumeStatus).sizeBytes / 2 ** 20)
    }
    if (neededMib > limitMib)
      throw fieldProblem('spec.sizeMib', 'overcommitted', {
        datastore: spec.datastore,
        needed: neededMib,
        limit: limitMib,
      })
  },
}
