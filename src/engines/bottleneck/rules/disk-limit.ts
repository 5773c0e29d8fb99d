/** A bound that was set for one of its disks: operations or bytes a second. */

import { reason } from '#model/plan.ts'
import { percent, type Finding, type Rule } from '../rule.ts'

const reachedFrom = 0.9

export const diskLimit: Rule = ({ figures, disks }) => {
  let worst: Finding | undefined
  for (const { id, iops, mibPerSecond } of disks) {
    const of = (figure: string) => figures[`${id}.${figure}`] ?? 0
    const ops = iops === null ? 0 : (of('readOps') + of('writeOps')) / iops
    const bytes = mibPerSecond === null ? 0 : (of('readBytes') + of('writeBytes')) / (mibPerSecond * 2 ** 20)
    const reached = Math.max(ops, bytes)
    if (reached < reachedFrom || reached <= (worst?.strength ?? 0)) continue
    const bound = ops > bytes ? `${iops} IOPS` : `${mibPerSecond} MiB/s`
    const facts = { disk: id, percent: percent(Math.min(1, reached)), bound }
    // Before the disk itself, which is slow because of the bound.
    worst = {
      resource: 'disk',
      strength: Math.min(1, reached) + 0.01,
      reason: reason('bound/disk-limit', facts),
    }
  }
  return worst
}
