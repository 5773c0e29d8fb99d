/** What a guest says of its own memory through its balloon (virtio 1.2, §5.5.6.3); hostile, so read number by number. */

import { isObject } from '#base/json.ts'
import type { Usage } from '#model/readings.ts'

export type Inside = NonNullable<Usage['inside']>

/** QEMU's word for "not told" is the largest of 64 bits; no guest has half of that. */
const untoldFrom = 2 ** 62

function told(stats: Record<string, unknown>, name: string): number | null {
  const value = stats[name]
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 && value < untoldFrom
    ? value
    : null
}

/** Nothing unless total and available memory are both told. */
export function insideFrom(stats: unknown): Inside | null {
  if (!isObject(stats)) return null
  const totalBytes = told(stats, 'stat-total-memory')
  const availableBytes = told(stats, 'stat-available-memory') ?? told(stats, 'stat-free-memory')
  if (totalBytes === null || availableBytes === null) return null
  return {
    totalBytes,
    availableBytes,
    swapInBytes: told(stats, 'stat-swap-in'),
    swapOutBytes: told(stats, 'stat-swap-out'),
    majorFaults: told(stats, 'stat-major-faults'),
  }
}
