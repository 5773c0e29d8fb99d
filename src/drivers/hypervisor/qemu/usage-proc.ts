/** What the kernel tells of a guest's process (proc(5); kernel.org, scheduler/sched-stats). */

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { VcpuReading } from '#model/readings.ts'

const ticksPerSecond = 100
/** Adding up the pages of a larger process takes the kernel milliseconds, in which the guest may wait. */
const proportionalUpToBytes = 2 ** 36

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

const kibibytes = (text: string, field: string): number | null => {
  const [, kib] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text) ?? []
  return kib === undefined ? null : Number(kib) * 1024
}

/** A field of /proc/PID/status, in bytes. */
export const statusBytes = (pid: number, field: 'VmRSS' | 'VmSwap') =>
  kibibytes(read(`/proc/${pid}/status`), field)

/** Resident memory with shared pages divided by those who share them; null where it costs too much or is not told. */
export async function proportionalBytes(pid: number): Promise<number | null> {
  if ((statusBytes(pid, 'VmRSS') ?? 0) > proportionalUpToBytes) return null
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '')
  return kibibytes(text, 'Pss')
}

/** How long a thread ran, and how long it waited for a CPU while it could have run; nothing when it is gone. */
export function vcpuReading(pid: number, thread: number): VcpuReading | undefined {
  const [ran, waited] = read(`/proc/${pid}/task/${thread}/schedstat`).split(' ').map(Number)
  if (ran !== undefined && waited !== undefined && ran > 0)
    return { runSeconds: ran / 1e9, waitSeconds: waited / 1e9 }
  const stat = read(`/proc/${pid}/task/${thread}/stat`)
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return Number.isFinite(ticks) ? { runSeconds: ticks / ticksPerSecond, waitSeconds: null } : undefined
}
