/** Findings: each rule by its cases, and that a situation leads to what a person would say of it. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { oneOf, randomFrom, wholeFrom } from '#base/random.ts'
import { reasons } from '#model/catalogue/reasons.ts'
import { say } from '#model/sentence.ts'
import { findBottleneck } from './find.ts'
import { resources, type Situation } from './rule.ts'

const gib = 2 ** 30
const quiet: Situation = {
  name: 'web',
  cpus: 2,
  figures: {
    cpu: 0.1,
    vcpu: 0.05,
    vcpuBusiest: 0.06,
    steal: 0,
    memory: gib,
    memoryUsed: gib / 2,
    memoryAvailable: gib / 2,
  },
  disks: [{ id: 'disk0', datastore: 'local', iops: null, mibPerSecond: null }],
  nics: [{ id: 'net0', mbitIn: null, mbitOut: null }],
  host: { name: 'h1', figures: { cpu: 0.2, steal: 0 } },
}

type Case = readonly [
  figures: Situation['figures'],
  code: string,
  resource: string,
  more?: Partial<Situation>,
]

const limited = [{ id: 'disk0', datastore: 'local', iops: 500, mibPerSecond: 20 }]
const narrow = [{ id: 'net0', mbitIn: 100, mbitOut: null }]

const cases: readonly Case[] = [
  [{}, 'bound/nothing', 'nothing'],
  [{ vcpu: 0.97, vcpuBusiest: 0.99 }, 'bound/cpu', 'cpu'],
  [{ vcpu: 0.79, vcpuBusiest: 0.85 }, 'bound/nothing', 'nothing'],
  [{ vcpu: 0.52, vcpuBusiest: 0.99 }, 'bound/one-cpu', 'cpu'],
  [{ vcpu: 0.97, vcpuBusiest: 0.99 }, 'bound/cpu', 'cpu', { cpus: 1 }],
  [{ vcpu: 0.6, vcpuBusiest: 0.65, steal: 0.35 }, 'bound/neighbours', 'neighbours'],
  // A machine that idles waits for nobody, however busy the host.
  [{ vcpu: 0.02, steal: 0.2 }, 'bound/nothing', 'nothing', { host: { name: 'h1', figures: { cpu: 1 } } }],
  [
    { vcpu: 0.5, steal: 0.4 },
    'bound/host-steal',
    'neighbours',
    { host: { name: 'h1', figures: { steal: 0.3 } } },
  ],
  [{ memoryAvailable: 0.04 * gib, majorFaults: 500 }, 'bound/memory', 'memory'],
  [{ memoryAvailable: 0.02 * gib }, 'bound/memory', 'memory'],
  [{ memoryAvailable: 0.2 * gib, swapIn: 9e6 }, 'bound/nothing', 'nothing'],
  [{ memoryAvailable: 0.05 * gib, swapIn: 9e6, ballooned: gib }, 'bound/balloon', 'memory'],
  [
    { hostSwapped: 0.3 * gib },
    'bound/host-memory',
    'neighbours',
    { host: { name: 'h1', figures: { swapIn: 5e6 } } },
  ],
  [{ hostSwapped: 0.3 * gib }, 'bound/nothing', 'nothing'],
  [{ 'disk0.queue': 0.95, 'disk0.latency': 0.012, 'disk0.writeBytes': 8e6 }, 'bound/disk', 'disk'],
  [{ 'disk0.queue': 0.2, 'disk0.latency': 0.012 }, 'bound/nothing', 'nothing'],
  [
    { 'disk0.queue': 3, 'disk0.latency': 0.05, 'disk0.writeBytes': 8e6 },
    'bound/busy-datastore',
    'neighbours',
    { host: { name: 'h1', figures: { 'store:local.busy': 0.99, 'store:local.writeBytes': 9e7 } } },
  ],
  // Busy by itself: nobody else is to blame.
  [
    { 'disk0.queue': 3, 'disk0.latency': 0.05, 'disk0.writeBytes': 8e7 },
    'bound/disk',
    'disk',
    { host: { name: 'h1', figures: { 'store:local.busy': 0.99, 'store:local.writeBytes': 9e7 } } },
  ],
  [{ 'disk0.queue': 9, 'disk0.readOps': 495 }, 'bound/disk-limit', 'disk', { disks: limited }],
  [{ 'disk0.queue': 9, 'disk0.writeBytes': 20.5 * 2 ** 20 }, 'bound/disk-limit', 'disk', { disks: limited }],
  [{ 'net0.receivedBytes': 12.4e6 }, 'bound/network-limit', 'network', { nics: narrow }],
  [{ 'net0.sentBytes': 12.4e6 }, 'bound/nothing', 'nothing', { nics: narrow }],
  [{ 'net0.receivedPackets': 1000, 'net0.dropped': 90 }, 'bound/network-drops', 'network'],
  [{ 'net0.receivedPackets': 1e6, 'net0.dropped': 90 }, 'bound/nothing', 'nothing'],
]

test('each situation has its finding, in words without an open place', () => {
  for (const [figures, code, resource, more = {}] of cases) {
    const found = findBottleneck({ ...quiet, ...more, figures: { ...quiet.figures, ...figures } })
    deepEqual([found.reason.code, found.resource], [code, resource], JSON.stringify(figures))
    for (const language of ['en', 'ko'] as const) {
      const said = say(reasons[found.reason.code], found.reason.facts, language)
      ok(!/[{}]|NaN|undefined/.test(said), said)
    }
  }
  const told = new Set(cases.map(([, code]) => code))
  for (const code of Object.keys(reasons).filter((each) => each.startsWith('bound/')))
    ok(code === 'bound/unknown' || told.has(code), `${code} has a case`)
})

test('what nobody measured is unknown, not idle', () => {
  equal(findBottleneck(undefined).resource, 'unknown')
})

test('of several the strongest is told first, the others after it', () => {
  const figures = { ...quiet.figures, vcpu: 0.9, 'disk0.queue': 0.7, memoryAvailable: 0, swapOut: 5e6 }
  const found = findBottleneck({ ...quiet, figures })
  deepEqual([found.resource, ...found.also.map(({ resource }) => resource)], ['memory', 'cpu', 'disk'])
})

test('a guest with few figures is judged by those that there are', () => {
  equal(findBottleneck({ ...quiet, figures: { cpu: 1.9 } }).reason.facts['percent'], 95)
  equal(findBottleneck({ ...quiet, figures: {}, host: { name: 'h1', figures: {} } }).resource, 'nothing')
})

test('by chance: whatever the figures, a finding with a strength from 0 to 1, the strongest first', () => {
  const names = [...new Set(cases.flatMap(([figures]) => Object.keys(figures)))]
  for (let seed = 1; seed <= 3_000; seed++) {
    const random = randomFrom(seed)
    const some = names.flatMap((name) =>
      random() < 0.4 ? [[name, oneOf(random, [0, random(), 1, wholeFrom(random, 1e9), 1e18])] as const] : [],
    )
    const figures = { ...quiet.figures, ...Object.fromEntries(some) }
    const { also, ...first } = findBottleneck({ ...quiet, disks: limited, nics: narrow, figures })
    const strengths = [first, ...also].map(({ strength }) => strength)
    ok(
      strengths.every((strength) => strength >= 0 && strength <= 1),
      `seed ${seed}: ${strengths.join()}`,
    )
    deepEqual(
      strengths,
      strengths.toSorted((a, b) => b - a),
      `seed ${seed}`,
    )
    ok(resources.includes(first.resource))
  }
})
