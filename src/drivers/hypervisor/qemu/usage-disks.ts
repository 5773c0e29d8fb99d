/** Counters of a guest's drives, from `query-blockstats` (qemu.org, QMP reference). */

import { isObject } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import type { DiskReading } from '#model/readings.ts'

/** A drive is known by the device that the guest sees: its files change under it. */
const driveIn = /(?:^|\/)((?:disk|cdrom)\d{1,2})(?:\/|$)/

const drivesAtMost = limits.disksPerMachine + limits.cdromsPerMachine

/** By the drive's id. */
export function disksFrom(blocks: unknown): Record<string, DiskReading> {
  if (!Array.isArray(blocks)) return {}
  const entries = blocks.flatMap((block): [string, DiskReading][] => {
    if (!isObject(block) || !isObject(block['stats'])) return []
    const [, id] = driveIn.exec(String(block['qdev'] ?? '')) ?? []
    return id === undefined ? [] : [[id, readingOf(block['stats'])]]
  })
  return Object.fromEntries(entries.slice(0, drivesAtMost))
}

function readingOf(stats: Record<string, unknown>): DiskReading {
  const count = (...names: readonly string[]) =>
    names.reduce((sum, name) => sum + (typeof stats[name] === 'number' ? stats[name] : 0), 0)
  return {
    readBytes: count('rd_bytes'),
    writeBytes: count('wr_bytes'),
    readOps: count('rd_operations'),
    writeOps: count('wr_operations'),
    flushOps: count('flush_operations'),
    failedOps: count('failed_rd_operations', 'failed_wr_operations', 'failed_flush_operations'),
    requestSeconds: count('rd_total_time_ns', 'wr_total_time_ns', 'flush_total_time_ns') / 1e9,
    busySeconds: null,
  }
}
