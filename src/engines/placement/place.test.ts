/** Placement: each rule by a case, and by chance that no refused host is chosen and that choices repeat. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { oneOf, randomFrom, wholeFrom, type Random } from '#base/random.ts'
import { baselineOf } from './baseline.ts'
import { place, type Placement } from './place.ts'
import type { Ask, Candidate } from './rule.ts'

const host: Candidate = {
  name: 'a',
  isConnected: true,
  isSchedulable: true,
  architecture: 'x86_64',
  labels: { disk: 'fast' },
  freeCpus: 8,
  freeMib: 4096,
  totalMib: 8192,
  datastores: ['local'],
  networkDrivers: ['user'],
  cpuModels: ['qemu64', 'Haswell'],
  hugePagesMib: { '2MiB': 2048, '1GiB': 0 },
  numaNodes: 1,
  hostDevices: ['0000:03:00.0'],
  shareFolders: ['/srv/shares'],
}
const ask: Ask = {
  cpus: 2,
  memoryMib: 1024,
  architecture: 'any',
  hostLabels: {},
  datastores: ['local'],
  networkDrivers: [],
  cpuModel: null,
  hugePages: null,
  numaNodes: 1,
  hostDevices: [],
  shareFolders: [],
}

const chosen = (placement: Placement) => (placement.isPlaced ? placement.host : undefined)
const refusal = (wanted: Partial<Ask>, on: Partial<Candidate>) => {
  const placement = place({ ...ask, ...wanted }, [{ ...host, ...on }])
  return placement.isPlaced ? undefined : placement.refusals[0]?.reason
}

test('a host that has all that is asked for is taken, and counted', () => {
  const placement = place(ask, [host, { ...host, name: 'b', isConnected: false }, { ...host, name: 'c' }])
  ok(placement.isPlaced)
  deepEqual([placement.host, placement.candidates], ['a', 2])
})

test('each rule refuses with its reason', () => {
  const cases: readonly [Partial<Ask>, Partial<Candidate>, string][] = [
    [{}, { isConnected: false }, 'placement/host-not-ready'],
    [{}, { isSchedulable: false }, 'placement/maintenance'],
    [{ architecture: 'aarch64' }, {}, 'placement/arch'],
    [{ hostLabels: { disk: 'slow' } }, {}, 'placement/labels'],
    [{ hostLabels: { zone: 'b' } }, {}, 'placement/labels'],
    [{ datastores: ['local', 'vault'] }, {}, 'placement/datastore'],
    [{ networkDrivers: ['user', 'bridge'] }, {}, 'placement/network'],
    [{ cpuModel: 'EPYC' }, {}, 'placement/cpu-model'],
    [{ hugePages: { size: '1GiB', mib: 1024 } }, {}, 'placement/huge-pages'],
    [{ hugePages: { size: '2MiB', mib: 1024 }, numaNodes: 2 }, {}, 'placement/numa'],
    [{ hostDevices: ['0000:04:00.0'] }, {}, 'placement/device'],
    [{ shareFolders: ['/srv/shares/a', '/srv/sharesmore'] }, {}, 'placement/share'],
    [{ memoryMib: 4097 }, {}, 'placement/memory'],
    [{ cpus: 9 }, {}, 'placement/cpus'],
  ]
  for (const [wanted, on, code] of cases) equal(refusal(wanted, on)?.code, code)
})

test('what the host can do is enough: a model that it runs, or one that it does not speak of, its own device', () => {
  equal(refusal({ cpuModel: 'Haswell', hostDevices: ['0000:03:00.0'], numaNodes: 4 }, {}), undefined)
  equal(refusal({ shareFolders: ['/srv/shares', '/srv/shares/a'] }, {}), undefined)
  equal(refusal({ cpuModel: 'EPYC' }, { cpuModels: [] }), undefined)
  equal(refusal({ hugePages: { size: '2MiB', mib: 2048 } }, {}), undefined)
})

test('the baseline of a pool is the best model that every host has', () => {
  equal(baselineOf([]), 'qemu64')
  equal(baselineOf([['qemu64', 'Haswell', 'EPYC'], [], ['Haswell', 'qemu64']]), 'Haswell')
  equal(baselineOf([['EPYC'], ['Haswell']]), 'qemu64')
})

test('the last megabyte and the last processor may be given, and not one more (I-26)', () => {
  equal(refusal({ memoryMib: 4096, cpus: 8 }, {}), undefined)
  deepEqual(refusal({ memoryMib: 4097 }, {})?.facts, { freeMib: 4096, neededMib: 4097 })
})

test('a host that gave away more than it has is full, not negative', () => {
  deepEqual(refusal({}, { freeMib: -512 })?.facts, { freeMib: 0, neededMib: 1024 })
  deepEqual(refusal({}, { freeCpus: -1 })?.facts, { free: 0, needed: 2 })
})

test('the emptier host comes first, for its size', () => {
  const emptier = { ...host, name: 'z', freeMib: 6000 }
  equal(chosen(place(ask, [host, emptier])), 'z')
  const larger = { ...host, name: 'y', freeMib: 8000, totalMib: 65_536 }
  equal(chosen(place(ask, [larger, host])), 'a')
})

test('equal hosts fall to the name, in whatever order they come', () => {
  const three = ['c', 'a', 'b'].map((name) => ({ ...host, name }))
  equal(chosen(place(ask, three)), 'a')
  equal(chosen(place(ask, three.toReversed())), 'a')
})

test('without a host all refusals are told, in the order of the hosts, each by the first rule that forbids', () => {
  const placement = place({ ...ask, cpus: 99, datastores: ['vault'] }, [
    { ...host, name: 'c', datastores: ['vault'] },
    { ...host, name: 'a', isConnected: false },
    { ...host, name: 'b' },
  ])
  ok(!placement.isPlaced)
  deepEqual(
    placement.refusals.map(({ host, rule }) => [host, rule]),
    [
      ['c', 'room'],
      ['a', 'ready'],
      ['b', 'reach'],
    ],
  )
  deepEqual(place(ask, []), { isPlaced: false, refusals: [] })
})

const someHost = (random: Random, name: string): Candidate => ({
  ...host,
  name,
  isConnected: random() < 0.8,
  isSchedulable: random() < 0.8,
  architecture: oneOf(random, ['x86_64', 'aarch64']),
  labels: oneOf(random, [{}, { disk: 'fast' }, { disk: 'slow' }]),
  freeCpus: wholeFrom(random, 6) - 1,
  freeMib: 512 * (wholeFrom(random, 6) - 1),
  totalMib: oneOf(random, [0, 4096, 8192]),
  datastores: oneOf(random, [[], ['local'], ['local', 'vault']]),
})

const someAsk = (random: Random): Ask => ({
  ...ask,
  cpus: 1 + wholeFrom(random, 4),
  memoryMib: 512 * (1 + wholeFrom(random, 4)),
  architecture: oneOf(random, ['any', 'x86_64', 'aarch64']),
  hostLabels: oneOf(random, [{}, { disk: 'fast' }]),
  datastores: oneOf(random, [['local'], ['local', 'vault']]),
})

/** Written anew, in other words than the rules. */
const mayTake = (host: Candidate, { cpus, memoryMib, architecture, hostLabels, datastores }: Ask) =>
  host.isConnected &&
  host.isSchedulable &&
  ['any', host.architecture].includes(architecture) &&
  Object.keys(hostLabels).every((key) => host.labels[key] === hostLabels[key]) &&
  datastores.every((name) => host.datastores.includes(name)) &&
  Math.min(host.freeCpus - cpus, host.freeMib - memoryMib) >= 0

test('by chance: never a refused host, always one if there is one, the same in any order', () => {
  let placed = 0
  for (let seed = 1; seed <= 2_000; seed++) {
    const random = randomFrom(seed)
    const wanted = someAsk(random)
    const hosts = Array.from({ length: wholeFrom(random, 20) }, (_, at) => someHost(random, `h${at}`))
    const fitting = hosts.filter((one) => mayTake(one, wanted)).map(({ name }) => name)
    const placement = place(wanted, hosts)
    equal(placement.isPlaced, fitting.length > 0, `seed ${seed}`)
    if (placement.isPlaced) ok(fitting.includes(placement.host), `seed ${seed}`)
    equal(chosen(place(wanted, hosts.toReversed())), chosen(placement), `seed ${seed}`)
    placed += fitting.length > 0 ? 1 : 0
  }
  ok(placed > 200 && placed < 1_800)
})
