/** Snapshots, moves and merges of a running guest's disks, and its memory kept in a file. */

import { Problem } from '#model/problem.ts'
import type { LiveLayers } from '../../port-layers.ts'
import type { InTurn } from '../turns.ts'

export function layersOf(_inTurn: InTurn): LiveLayers {
  const refuse = () =>
    Promise.reject(new Problem('feature/not-here', { what: 'layers', why: 'not built yet' }))
  return { overlay: refuse, merge: refuse, mirror: refuse }
}
