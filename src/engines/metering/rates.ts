/**
 * Figures from two readings: what happened between them, by the second; and the levels of the later one. A counter
 * that went back gives no figure: whoever counted began anew, and nobody knows how much was before that.
 */

import type { Figures } from '#model/metrics.ts'
import type { DiskReading, HostReading, NicReading, Usage } from '#model/readings.ts'

type Counters = Readonly<Record<string, number | null | undefined>>

/** Growth by the second of each counter that both know and that did not go back. */
function growth(before: Counters, after: Counters, seconds: number): Record<string, number> {
  const rates: Record<string, number> = {}
  for (const [name, now] of Object.entries(after)) {
    const then = before[name]
    if (typeof now === 'number' && typeof then === 'number' && now >= then && Number.isFinite(now))
      rates[name] = (now - then) / seconds
  }
  return rates
}

const share = (value: number) => Math.min(1, Math.max(0, value))

/** Figures of a guest; only levels where there is no earlier reading of the same process. */
export function guestFigures(before: Usage | undefined, after: Usage, seconds: number): Figures {
  const levels = guestLevels(after)
  if (before === undefined || before.process !== after.process || seconds <= 0) return levels
  const parts: Record<string, number> = {}
  for (const [id, disk] of Object.entries(after.disks))
    diskRates(parts, id, [before.disks[id], disk], seconds)
  for (const [id, nic] of Object.entries(after.nics)) nicRates(parts, id, [before.nics[id], nic], seconds)
  const { cpuSeconds: cpu } = growth(
    { cpuSeconds: before.cpuSeconds },
    { cpuSeconds: after.cpuSeconds },
    seconds,
  )
  return {
    ...levels,
    ...(cpu === undefined ? {} : { cpu }),
    ...vcpuShares(before, after, seconds),
    ...insideRates(before.inside, after.inside, seconds),
    ...parts,
  }
}

function guestLevels({ inside, actualBytes, memoryBytes, ...usage }: Usage): Record<string, number> {
  const memory = Math.min(memoryBytes, actualBytes ?? memoryBytes)
  const optional = {
    ...(actualBytes === null ? {} : { ballooned: Math.max(0, memoryBytes - actualBytes) }),
    ...(usage.proportionalBytes === null ? {} : { proportional: usage.proportionalBytes }),
    ...(usage.hostSwappedBytes === null ? {} : { hostSwapped: usage.hostSwappedBytes }),
  }
  const levels = { memory, resident: usage.residentBytes, ...optional }
  if (inside === null) return levels
  // A guest says what it likes: its total and what is left of it stay within what it was given.
  const total = Math.min(Math.max(0, inside.totalBytes), memory)
  const memoryAvailable = Math.min(Math.max(0, inside.availableBytes), total)
  return { ...levels, memoryAvailable, memoryUsed: total - memoryAvailable }
}

function insideRates(
  before: Usage['inside'],
  after: Usage['inside'],
  seconds: number,
): Record<string, number> {
  if (before === null || after === null) return {}
  const counters = ({ swapInBytes, swapOutBytes, majorFaults }: NonNullable<Usage['inside']>) => ({
    swapIn: swapInBytes,
    swapOut: swapOutBytes,
    majorFaults,
  })
  return growth(counters(before), counters(after), seconds)
}

/** Of those virtual CPUs that were there both times. */
function vcpuShares(before: Usage, after: Usage, seconds: number): Record<string, number> {
  const count = Math.min(before.vcpus.length, after.vcpus.length)
  const [ran, waited]: [number[], number[]] = [[], []]
  for (let at = 0; at < count; at++) {
    const [then, now] = [before.vcpus[at], after.vcpus[at]]
    if (then === undefined || now === undefined) continue
    const { run, wait } = growth(
      { run: then.runSeconds, wait: then.waitSeconds },
      { run: now.runSeconds, wait: now.waitSeconds },
      seconds,
    )
    if (run !== undefined) ran.push(share(run))
    if (wait !== undefined) waited.push(share(wait))
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return {
    ...(ran.length === 0 ? {} : { vcpu: mean(ran), vcpuBusiest: Math.max(...ran) }),
    ...(waited.length === 0 ? {} : { steal: mean(waited) }),
  }
}

type Two<Reading> = readonly [before: Reading | undefined, after: Reading]

function diskRates(
  to: Record<string, number>,
  id: string,
  [before, after]: Two<DiskReading>,
  seconds: number,
) {
  if (before === undefined) return
  const { requestSeconds, busySeconds: _, ...rates } = growth({ ...before }, { ...after }, seconds)
  for (const [name, rate] of Object.entries(rates)) to[`${id}.${name}`] = rate
  if (requestSeconds === undefined) return
  to[`${id}.queue`] = requestSeconds
  const requests = (rates['readOps'] ?? 0) + (rates['writeOps'] ?? 0) + (rates['flushOps'] ?? 0)
  // Nothing asked, nothing waited for: a latency is known only of requests.
  if (requests > 0) to[`${id}.latency`] = requestSeconds / requests
}

function nicRates(to: Record<string, number>, id: string, [before, after]: Two<NicReading>, seconds: number) {
  if (before === undefined) return
  for (const [name, rate] of Object.entries(growth({ ...before }, { ...after }, seconds)))
    to[`${id}.${name}`] = rate
}

/** Figures of a host; only levels where there is no earlier reading of the same boot. */
export function hostFiguresOf(before: HostReading | undefined, after: HostReading, seconds: number): Figures {
  const levels = {
    load: after.load,
    memory: after.memoryBytes,
    memoryAvailable: Math.min(after.memoryBytes, after.memoryAvailableBytes),
    swapUsed: after.swapUsedBytes,
  }
  if (before === undefined || before.boot !== after.boot || seconds <= 0) return levels
  const parts: Record<string, number> = {}
  for (const [name, nic] of Object.entries(after.nics))
    nicRates(parts, `nic:${name}`, [before.nics[name], nic], seconds)
  for (const [name, store] of Object.entries(after.stores))
    storeRates(parts, name, [before.stores[name], store], seconds)
  const swap = ({ swapInBytes, swapOutBytes }: HostReading) => ({
    swapIn: swapInBytes,
    swapOut: swapOutBytes,
  })
  return {
    ...levels,
    ...cpuShares(before, after),
    ...growth(swap(before), swap(after), seconds),
    ...pressures(before.pressure, after.pressure, seconds),
    ...parts,
  }
}

/** By the CPUs' own count of time, so that a late reading does no harm. */
function cpuShares({ cpu: before }: HostReading, { cpu: after }: HostReading): Record<string, number> {
  const all = after.allSeconds - before.allSeconds
  if (all <= 0) return {}
  const { busySeconds, stealSeconds, ioWaitSeconds } = growth(before, after, all)
  return {
    ...(busySeconds === undefined ? {} : { cpu: share(busySeconds) }),
    ...(stealSeconds === undefined ? {} : { steal: share(stealSeconds) }),
    ...(ioWaitSeconds === undefined ? {} : { ioWait: share(ioWaitSeconds) }),
  }
}

function pressures(before: HostReading['pressure'], after: HostReading['pressure'], seconds: number) {
  if (before === null || after === null) return {}
  const { cpu, memory, io } = growth(before, after, seconds)
  return {
    ...(cpu === undefined ? {} : { cpuPressure: share(cpu) }),
    ...(memory === undefined ? {} : { memoryPressure: share(memory) }),
    ...(io === undefined ? {} : { ioPressure: share(io) }),
  }
}

function storeRates(to: Record<string, number>, name: string, two: Two<DiskReading>, seconds: number) {
  const all: Record<string, number> = {}
  diskRates(all, 'it', two, seconds)
  const [before, after] = two
  for (const figure of ['readBytes', 'writeBytes', 'readOps', 'writeOps', 'latency']) {
    const value = all[`it.${figure}`]
    if (value !== undefined) to[`store:${name}.${figure}`] = value
  }
  const { busySeconds } = growth({ ...before }, { ...after }, seconds)
  if (before !== undefined && busySeconds !== undefined) to[`store:${name}.busy`] = share(busySeconds)
}
