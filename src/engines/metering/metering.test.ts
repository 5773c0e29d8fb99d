/** Rates between readings, and what is remembered of the last minute. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { addTo, coarser, rollOf, slotOf, type Slots } from '#base/rollup.ts'
import { oneOf, randomFrom, wholeFrom } from '#base/random.ts'
import { figureNamed, orderedNames } from '#model/metrics.ts'
import type { HostReading, Usage } from '#model/readings.ts'
import { guestFigures, hostFiguresOf } from './rates.ts'
import { figuresFrom, recentAfter } from './recent.ts'

const mib = 2 ** 20
const disk = {
  readBytes: 1000,
  writeBytes: 2000,
  readOps: 10,
  writeOps: 20,
  flushOps: 0,
  failedOps: 0,
  requestSeconds: 3,
  busySeconds: null,
}
const nic = { receivedBytes: 5000, sentBytes: 100, receivedPackets: 50, sentPackets: 1, dropped: 0 }
const before: Usage = {
  process: '7/1',
  cpuSeconds: 100,
  residentBytes: 300 * mib,
  proportionalBytes: null,
  hostSwappedBytes: 0,
  vcpus: [
    { runSeconds: 50, waitSeconds: 1 },
    { runSeconds: 40, waitSeconds: null },
  ],
  memoryBytes: 512 * mib,
  actualBytes: 384 * mib,
  inside: {
    totalBytes: 380 * mib,
    availableBytes: 80 * mib,
    swapInBytes: 0,
    swapOutBytes: null,
    majorFaults: 4,
  },
  disks: { disk0: disk },
  nics: { net0: nic },
}

test('what happened between two readings, by the second; levels are those of the later one', () => {
  const after: Usage = {
    ...before,
    cpuSeconds: 115,
    vcpus: [
      { runSeconds: 59, waitSeconds: 2 },
      { runSeconds: 41, waitSeconds: null },
    ],
    disks: { disk0: { ...disk, readBytes: 11_000, readOps: 30, requestSeconds: 4 }, disk1: disk },
    nics: { net0: { ...nic, receivedBytes: 25_000 } },
  }
  const figures = guestFigures(before, after, 10)
  const wanted = {
    cpu: 1.5,
    vcpu: 0.5,
    vcpuBusiest: 0.9,
    steal: 0.1,
    memory: 384 * mib,
    ballooned: 128 * mib,
    memoryUsed: 300 * mib,
    memoryAvailable: 80 * mib,
    resident: 300 * mib,
    hostSwapped: 0,
    swapIn: 0,
    majorFaults: 0,
    'disk0.readBytes': 1000,
    'disk0.readOps': 2,
    'disk0.queue': 0.1,
    'disk0.latency': 0.05,
    'net0.receivedBytes': 2000,
  }
  for (const [name, value] of Object.entries(wanted))
    ok(Math.abs((figures[name] ?? Number.NaN) - value) < 1e-9, name)
  equal(figures['disk1.readBytes'], undefined, 'a disk that just came has no rate')
  equal(figures['swapOut'], undefined, 'what is not told is not known')
  equal(figures['disk0.flushOps'], 0)
  for (const name of Object.keys(figures)) ok(figureNamed('machine', name) !== undefined, name)
})

test('counters of another process, or that went back, give no figure rather than a wrong one', () => {
  const restarted = guestFigures(before, { ...before, process: '8/9', cpuSeconds: 900 }, 10)
  deepEqual([restarted['cpu'], restarted['disk0.readBytes']], [undefined, undefined])
  equal(restarted['memory'], 384 * mib)
  const reset = guestFigures(
    before,
    { ...before, disks: { disk0: { ...disk, readBytes: 5, readOps: 11 } } },
    10,
  )
  deepEqual([reset['disk0.readBytes'], reset['disk0.readOps']], [undefined, 0.1])
  equal(guestFigures(before, before, 0)['cpu'], undefined)
  equal(guestFigures(undefined, before, 10)['cpu'], undefined)
})

test('a guest that lies about its memory is not believed beyond what it was given', () => {
  const lie = (totalBytes: number, availableBytes: number) =>
    guestFigures(undefined, { ...before, inside: { ...before.inside!, totalBytes, availableBytes } }, 10)
  deepEqual([lie(1e18, 1e17)['memoryAvailable'], lie(1e18, 1e17)['memoryUsed']], [384 * mib, 0])
  deepEqual([lie(-5, 10)['memoryAvailable'], lie(-5, 10)['memoryUsed']], [0, 0])
})

const host: HostReading = {
  boot: 'b',
  cpu: { busySeconds: 10, stealSeconds: 1, ioWaitSeconds: 2, allSeconds: 100 },
  load: 1.5,
  memoryBytes: 1000,
  memoryAvailableBytes: 400,
  swapUsedBytes: 5,
  swapInBytes: 0,
  swapOutBytes: null,
  pressure: { cpu: 1, memory: 0, io: 0 },
  nics: { eth0: nic },
  stores: { local: { ...disk, busySeconds: 1 } },
}

test("a host's shares are of its CPUs' own time; a new boot begins anew", () => {
  const after: HostReading = {
    ...host,
    cpu: { busySeconds: 20, stealSeconds: 3, ioWaitSeconds: 1, allSeconds: 120 },
    pressure: { cpu: 3, memory: 0, io: 50 },
    stores: { local: { ...disk, busySeconds: 6, writeBytes: 42_000, writeOps: 40, requestSeconds: 5 } },
  }
  const figures = hostFiguresOf(host, after, 10)
  deepEqual(
    [figures['cpu'], figures['steal'], figures['ioWait'], figures['cpuPressure'], figures['ioPressure']],
    [0.5, 0.1, undefined, 0.2, 1],
  )
  deepEqual(
    [figures['store:local.busy'], figures['store:local.writeBytes'], figures['store:local.latency']],
    [0.5, 4000, 0.1],
  )
  equal(figures['nic:eth0.sentBytes'], 0)
  for (const name of Object.keys(figures)) ok(figureNamed('host', name) !== undefined, name)
  equal(hostFiguresOf({ ...host, boot: 'a' }, after, 10)['cpu'], undefined)
})

test('the mean of the last minute is exact at first, then older samples fade', () => {
  const sample = (value: number) => ({ figures: { cpu: value, memory: 7 }, overMs: 10_000, atMs: 1 })
  let recent = recentAfter(undefined, 'machine', sample(1))
  recent = recentAfter(recent, 'machine', sample(0))
  equal(recent.mean['cpu'], 0.5)
  for (let n = 0; n < 60; n++) recent = recentAfter(recent, 'machine', sample(4))
  ok(Math.abs((recent.mean['cpu'] ?? 0) - 4) < 0.01)
  ok(Math.abs((recent.totals['cpu'] ?? 0) - (10 + 60 * 40)) < 1e-6, 'a counter is the sum of all')
  equal(recent.totals['memory'], undefined, 'a level does not count up')
  const gone = recentAfter(recent, 'machine', { figures: { memory: 7 }, overMs: 10_000, atMs: 2 })
  deepEqual([gone.mean['cpu'], gone.totals['cpu']], [undefined, recent.totals['cpu']])
})

test('of what an agent says only figures that we know and that can be are taken', () => {
  const said = {
    cpu: 1,
    steal: -1,
    vcpu: Number.NaN,
    memory: 'much',
    resident: 2 ** 70,
    constructor: 1,
    'disk0.readBytes': 3,
    'disk0.constructor': 3,
    'disk0;drop.readBytes': 3,
    'nic:eth0.sentBytes': 3,
  }
  deepEqual(figuresFrom('machine', said), { cpu: 1, 'disk0.readBytes': 3 })
  deepEqual(figuresFrom('machine', null), {})
  const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`disk${n}.readOps`, 1]))
  ok(Object.keys(figuresFrom('machine', many)).length <= 100)
})

test('names stand in the order in which people read them', () => {
  const names = ['disk10.queue', 'disk2.queue', 'steal', 'net0.sentBytes', 'cpu']
  deepEqual(orderedNames('machine', names), ['cpu', 'steal', 'disk2.queue', 'disk10.queue', 'net0.sentBytes'])
})

test('by chance: slots keep sum, least and most, in whatever order and through whatever steps', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomFrom(seed)
    const samples = Array.from({ length: 1 + wholeFrom(random, 300) }, () => ({
      atMs: 1 + wholeFrom(random, 7_200_000),
      value: wholeFrom(random, 1000) / 8,
      weight: 1 + wholeFrom(random, 20_000),
    }))
    const fine = (list: typeof samples): Slots => {
      const slots: Slots = new Map()
      for (const { atMs, value, weight } of list)
        addTo(slots, slotOf(atMs, 10_000), 'x', rollOf(value, weight))
      return slots
    }
    const direct: Slots = new Map()
    for (const { atMs, value, weight } of samples)
      addTo(direct, slotOf(atMs, 3_600_000), 'x', rollOf(value, weight))
    const shuffled = samples.toSorted(() => oneOf(random, [-1, 1]))
    const stepped = coarser(coarser(coarser(fine(shuffled), 60_000), 600_000), 3_600_000)
    deepEqual([...stepped.keys()].toSorted(), [...direct.keys()].toSorted())
    for (const [at, rolls] of direct) {
      const [one, two] = [rolls.get('x')!, stepped.get(at)!.get('x')!]
      deepEqual([two.weight, two.least, two.most], [one.weight, one.least, one.most], `seed ${seed}`)
      ok(Math.abs(two.mean - one.mean) < 1e-9, `seed ${seed}`)
    }
  }
})
