/**
 * What a guest uses, read off QEMU and /proc: counters and levels, for whoever compares two readings. Whatever
 * does not answer in time is left out of the reading; nothing here changes a guest.
 */

import { isObject } from '#base/json.ts'
import type { Usage } from '#model/readings.ts'
import type { Guest } from './guest.ts'
import { processFacts } from './process.ts'
import type { Qmp } from './qmp/client.ts'
import { disksFrom } from './usage-disks.ts'
import { insideFrom, type Inside } from './usage-memory.ts'
import { NicCounters } from './usage-nics.ts'
import { proportionalBytes, statusBytes, vcpuReading } from './usage-proc.ts'

/** A guest that makes QEMU slow must not hold up the figures of others. */
const answerMs = 2_000
/** How often the guest tells of its memory, in seconds. */
const pollSeconds = 10
/** Readings between two looks at what costs more: every minute. */
const rarely = 6
/** After so many readings without news the guest has stopped telling. */
const staleReadings = 12
const balloonPath = '/machine/peripheral/balloon'

/** What is remembered of a guest between two readings. */
type Memory = {
  qmp: Qmp | undefined
  readings: number
  proportionalBytes: number | null
  lastUpdate: number
  unchanged: number
  readonly nics: NicCounters
}

const memories = new WeakMap<Guest, Memory>()

function memoryOf(guest: Guest): Memory {
  const known = memories.get(guest)
  if (known !== undefined) return known
  const memory = {
    qmp: undefined,
    readings: 0,
    proportionalBytes: null,
    lastUpdate: 0,
    unchanged: 0,
    nics: new NicCounters(),
  }
  memories.set(guest, memory)
  return memory
}

/** The reading of now; null when the guest has no process. */
export async function readUsage(guest: Guest): Promise<Usage | null> {
  const pid = guest.record?.pid ?? null
  const facts = pid !== null && guest.isAlive ? processFacts(pid) : undefined
  if (pid === null || facts === undefined) return null
  const memory = memoryOf(guest)
  const isRare = memory.readings++ % rarely === 0
  if (isRare) memory.proportionalBytes = await proportionalBytes(pid)
  const qmp = guest.isProven ? guest.qmp : undefined
  const told = qmp === undefined ? untold : await askAll(qmp, memory)
  return {
    process: `${pid}/${facts.startTicks}`,
    cpuSeconds: facts.cpuSeconds,
    residentBytes: facts.residentBytes,
    proportionalBytes: memory.proportionalBytes,
    hostSwappedBytes: statusBytes(pid, 'VmSwap'),
    vcpus: told.threads.flatMap((thread) => vcpuReading(pid, thread) ?? []),
    memoryBytes: told.memoryBytes ?? (guest.record?.running.memoryMib ?? 0) * 2 ** 20,
    actualBytes: told.actualBytes,
    inside: told.inside,
    disks: told.disks,
    nics: qmp === undefined ? {} : await memory.nics.read(pid, qmp, isRare),
  }
}

type Told = Pick<Usage, 'actualBytes' | 'disks'> & {
  readonly threads: readonly number[]
  readonly memoryBytes: number | null
  readonly inside: Inside | null
}

const untold: Told = { threads: [], memoryBytes: null, actualBytes: null, inside: null, disks: {} }

const orNothing = <T>(asked: Promise<T>) => asked.catch(() => undefined)

async function askAll(qmp: Qmp, memory: Memory): Promise<Told> {
  if (memory.qmp !== qmp) {
    memory.qmp = qmp
    await orNothing(
      qmp.ask('qom-set', {
        path: balloonPath,
        property: 'guest-stats-polling-interval',
        value: pollSeconds,
      }),
    )
  }
  const [cpus, sizes, balloon, stats, blocks] = await Promise.all([
    orNothing(qmp.ask('query-cpus-fast', {}, answerMs)),
    orNothing(qmp.ask('query-memory-size-summary', {}, answerMs)),
    orNothing(qmp.ask('query-balloon', {}, answerMs)),
    orNothing(qmp.ask('qom-get', { path: balloonPath, property: 'guest-stats' }, answerMs)),
    orNothing(qmp.ask('query-blockstats', {}, answerMs)),
  ])
  const threads = Array.isArray(cpus) ? cpus.map((cpu) => Number(cpu['thread-id'])) : []
  return {
    // CPUs that share a thread, as under some emulation, are one for the host.
    threads: [...new Set(threads)].filter((thread) => Number.isInteger(thread) && thread > 1),
    memoryBytes: isObject(sizes) ? Number(sizes['base-memory']) + Number(sizes['plugged-memory'] ?? 0) : null,
    actualBytes: isObject(balloon) ? Number(balloon.actual) : null,
    inside: freshInside(stats, memory),
    disks: disksFrom(blocks),
  }
}

/** What the guest tells, as long as it goes on telling. */
function freshInside(stats: unknown, memory: Memory): Inside | null {
  const lastUpdate = isObject(stats) ? Number(stats['last-update'] ?? 0) : 0
  memory.unchanged = lastUpdate === memory.lastUpdate ? memory.unchanged + 1 : 0
  memory.lastUpdate = lastUpdate
  const isTelling = lastUpdate > 0 && memory.unchanged < staleReadings
  return isTelling && isObject(stats) ? insideFrom(stats['stats']) : null
}
