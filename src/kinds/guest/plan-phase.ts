/** What people are told of a guest's state: its phase, since when it is ready, what it has open. Pure. */

import { unreachable } from '#base/assert.ts'
import type { GuestObserved, GuestRecord } from './plan-record.ts'
import type { GuestSpec, GuestStatus } from './schema.ts'

export function phaseOf(wish: GuestSpec, { process, record }: GuestObserved): GuestStatus['phase'] {
  switch (process) {
    case 'starting':
    case 'paused':
      return process
    case 'running':
      return record.askedAtMs === null ? 'running' : 'stopping'
    case 'strange':
      return 'running'
    case 'shutdown':
      return 'stopping'
    case 'panicked':
    case 'lost':
      return 'crashed'
    case 'absent':
      return absentPhase(wish, record)
    default:
      return unreachable(process)
  }
}

function absentPhase(wish: GuestSpec, { exit, boot, isRemoved }: GuestRecord): GuestStatus['phase'] {
  if (wish.power === 'gone') return isRemoved ? 'absent' : 'stopping'
  if (boot < wish.boot && wish.power !== 'off') return 'absent'
  if (exit === null) return wish.power === 'off' ? 'stopped' : 'absent'
  return exit.why === 'crashed' || exit.why === 'panicked' ? 'crashed' : 'stopped'
}

/** Since when the guest is ready in this boot, and by what that is known. */
export function readyOf(wish: GuestSpec, seen: GuestObserved): GuestStatus['ready'] {
  const { record, wordSeenAtMs, inside, nowMs } = seen
  if (record.ready !== null || seen.process !== 'running') return record.ready
  if (wordSeenAtMs !== null) return { sinceMs: wordSeenAtMs, by: 'word' }
  // It said its word before its memory was kept.
  if (record.goesOn) return { sinceMs: nowMs, by: 'word' }
  if (inside?.isAnswering !== true) return null
  if (inside.cloudInit === 'done') return { sinceMs: nowMs, by: 'cloud-init' }
  const hasNone = inside.cloudInit === 'absent' || (inside.cloudInit === 'unknown' && wish.firstBoot === null)
  return hasNone ? { sinceMs: nowMs, by: 'agent' } : null
}

/** Volumes that its process has or may have open, and its NICs; what is told here is nobody else's (I-01). */
export const openParts = ({ disks, nics }: Pick<GuestRecord, 'disks' | 'nics'>) => ({
  disks: [...new Set(disks.map(({ volume }) => volume))],
  plugs: nics.map(({ id, mac, network }) => `${id} ${mac} ${network}`),
})
