/**
 * The host's gauge from /proc and /sys (proc(5); kernel.org, admin-guide/iostats, accounting/psi). What a kernel or
 * a container does not have is left out.
 */

import { readFileSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import type { HostReading } from '#model/readings.ts'
import type { Gauge } from '../port.ts'
import { deviceCounters, nicCounters, swapBytes } from './counters.ts'

const ticksPerSecond = 100
/** A server has a few ports; taps and bridges are not counted here. */
const nicsAtMost = 16

export type Watched = {
  /** Folder of each datastore by its name. */
  readonly stores: Readonly<Record<string, string>>
}

const read = (file: string) => readFile(file, 'utf8').catch(() => '')

export const procGauge = ({ stores }: Watched): Gauge => ({
  name: 'procfs',
  read: () => readHost(stores),
})

async function readHost(stores: Watched['stores']): Promise<HostReading> {
  const [stats, memory, paging, loads, devices] = await Promise.all(
    ['/proc/stat', '/proc/meminfo', '/proc/vmstat', '/proc/loadavg', '/proc/diskstats'].map(read),
  )
  const kibibytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(memory ?? '')?.[1] ?? 0)
  const memoryBytes = kibibytes('MemTotal') * 1024
  return {
    boot: bootId(),
    cpu: cpuSeconds(stats ?? ''),
    load: Number((loads ?? '').split(' ')[0] ?? 0) || 0,
    memoryBytes,
    memoryAvailableBytes: Math.min(memoryBytes, kibibytes('MemAvailable') * 1024),
    swapUsedBytes: Math.max(0, kibibytes('SwapTotal') - kibibytes('SwapFree')) * 1024,
    swapInBytes: swapBytes(paging ?? '', 'pswpin'),
    swapOutBytes: swapBytes(paging ?? '', 'pswpout'),
    pressure: await pressureSeconds(),
    nics: await nicReadings(),
    stores: await storeReadings(stores, devices ?? ''),
  }
}

let boot: string | undefined

function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return boot
}

/** The first line: user nice system idle iowait irq softirq steal; guests' time is part of user. */
function cpuSeconds(stats: string): HostReading['cpu'] {
  const [, ...ticks] = (stats.split('\n')[0] ?? '').split(/\s+/).map(Number)
  const at = (index: number) => (ticks[index] ?? 0) / ticksPerSecond
  const [idle, ioWait, steal] = [at(3), at(4), at(7)]
  const busy = at(0) + at(1) + at(2) + at(5) + at(6)
  return {
    busySeconds: busy,
    stealSeconds: steal,
    ioWaitSeconds: ioWait,
    allSeconds: busy + idle + ioWait + steal,
  }
}

/** Seconds in which at least somebody waited; null where the kernel does not count them. */
async function pressureSeconds(): Promise<HostReading['pressure']> {
  const [cpu, memory, io] = await Promise.all(
    ['cpu', 'memory', 'io'].map(async (resource) => {
      const [, total] = /^some .*\btotal=(\d+)/m.exec(await read(`/proc/pressure/${resource}`)) ?? []
      return total === undefined ? undefined : Number(total) / 1e6
    }),
  )
  return cpu === undefined || memory === undefined || io === undefined ? null : { cpu, memory, io }
}

/** Network cards: what has a device behind it, and is no tap of a guest. */
async function nicReadings(): Promise<HostReading['nics']> {
  const names = await readdir('/sys/class/net').catch(() => [])
  const cards = await Promise.all(
    names.map(async (name) =>
      (await stat(`/sys/class/net/${name}/device`).catch(() => undefined)) ? [name] : [],
    ),
  )
  const readings = cards
    .flat()
    .toSorted()
    .slice(0, nicsAtMost)
    .map(async (name) => {
      const reading = await nicCounters(name)
      return reading === undefined ? [] : [[name, reading] as const]
    })
  return Object.fromEntries((await Promise.all(readings)).flat())
}

async function storeReadings(stores: Watched['stores'], devices: string): Promise<HostReading['stores']> {
  const readings = Object.entries(stores).map(async ([name, folder]) => {
    const status = await stat(folder).catch(() => undefined)
    const reading = status === undefined ? undefined : deviceCounters(devices, status.dev)
    return reading === undefined ? [] : [[name, reading] as const]
  })
  return Object.fromEntries((await Promise.all(readings)).flat())
}
