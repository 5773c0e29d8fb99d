/** Changes of a guest's parts while it runs, over QMP. */

import { Problem } from '#model/problem.ts'
import type { LiveParts } from '../../port-parts.ts'
import type { InTurn } from '../turns.ts'

export function partsOf(_inTurn: InTurn): LiveParts {
  const refuse = () =>
    Promise.reject(new Problem('feature/not-here', { what: 'live changes', why: 'not built yet' }))
  return {
    attachDisk: refuse,
    detachDisk: refuse,
    resizeDisk: refuse,
    limitDisk: refuse,
    changeMedium: refuse,
    attachNic: refuse,
    detachNic: refuse,
    setLink: refuse,
    setCpus: refuse,
    setMemory: refuse,
    setBalloon: refuse,
  }
}
