/** Facts about processes, from /proc (proc(5)). Each look is a few short reads. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** Clock ticks per second as /proc counts them; fixed at 100 in the interface of every Linux port we run on. */
const ticksPerSecond = 100

const pageBytes = 4096

export type ProcessFacts = {
  /** Ticks since the host's boot; with the pid and the boot, it names one process for ever. */
  readonly startTicks: string
  readonly cpuSeconds: number
  readonly residentBytes: number
}

/** The facts of a living process; nothing when there is none, or only its corpse. */
export function processFacts(pid: number): ProcessFacts | undefined {
  const stat = read(`/proc/${pid}/stat`)
  // The name in parentheses may hold anything; the fields that follow the last one do not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [state, startTicks, pages] = [fields[0], fields[19], fields[21]]
  if (startTicks === undefined || state === 'Z' || state === 'X') return undefined
  return {
    startTicks,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    residentBytes: Number(pages) * pageBytes,
  }
}

/** Whether the very process that was recorded still lives. */
export const isSameProcess = (pid: number, startTicks: string) => processFacts(pid)?.startTicks === startTicks

/** New at each boot of the host: process numbers and start times of another one mean nothing. */
export const hostBootId = () => (bootId ??= read('/proc/sys/kernel/random/boot_id').trim())

let bootId: string | undefined

/** Processes whose arguments hold all of these words: for one that was started by an agent that died over it. */
export function processesWith(words: readonly string[]): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const given = pid > 1 ? read(`/proc/${pid}/cmdline`).split('\0') : []
      return words.every((word) => given.includes(word))
    })
}

/** Whether it is QEMU already, rather than one of the programs that become it. */
export function isQemu(pid: number) {
  try {
    return basename(readlinkSync(`/proc/${pid}/exe`)).startsWith('qemu-system-')
  } catch {
    return false
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
