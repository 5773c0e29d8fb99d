/** A disk: at nearly every moment a request is under way (Little's law: rate × latency). */

import { reason } from '#model/plan.ts'
import type { Figures } from '#model/metrics.ts'
import { percent, type Finding, type Rule, type Situation } from '../rule.ts'

const queueFrom = 0.6
const busyFrom = 0.9
/** Of what the datastore's device carries; below that others keep it busy. */
const ownUpTo = 0.5

export const disk: Rule = (situation) => {
  let worst: Finding | undefined
  for (const each of situation.disks) {
    const found = findingOf(situation, each)
    if (found !== undefined && found.strength > (worst?.strength ?? 0)) worst = found
  }
  return worst
}

function findingOf(
  { figures, host }: Situation,
  { id, datastore }: Situation['disks'][number],
): Finding | undefined {
  const queue = figures[`${id}.queue`] ?? 0
  if (queue < queueFrom) return undefined
  const strength = Math.min(0.99, 0.3 + Math.min(1, queue) * 0.55 + queue * 0.02)
  const facts = {
    disk: id,
    queue: Math.round(queue * 10) / 10,
    latencyMs: Math.round((figures[`${id}.latency`] ?? 0) * 10_000) / 10,
    mib: Math.round(bytesOf(figures, id) / 2 ** 20),
  }
  const store = `store:${datastore}`
  const [busy, all] = [host.figures[`${store}.busy`] ?? 0, bytesOf(host.figures, store)]
  if (busy >= busyFrom && all > 0 && bytesOf(figures, id) < all * ownUpTo) {
    const shared = { ...facts, datastore, host: host.name, percent: percent(busy) }
    return { resource: 'neighbours', strength, reason: reason('bound/busy-datastore', shared) }
  }
  return { resource: 'disk', strength, reason: reason('bound/disk', facts) }
}

const bytesOf = (figures: Figures, part: string) =>
  (figures[`${part}.readBytes`] ?? 0) + (figures[`${part}.writeBytes`] ?? 0)
