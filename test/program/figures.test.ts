/** What agents measure, on its way: sampled, said, taken once, kept, and lost without harm. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#base/json.ts'
import type { Sample } from '#model/metrics.ts'
import { Problem } from '#model/problem.ts'
import { limits } from '#model/limits.ts'
import type { Clock } from '#drivers/clock/port.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { memoryMetrics } from '#drivers/metrics/memory/metrics.ts'
import type { Metrics, Tending } from '#drivers/metrics/port.ts'
import { memoryDisk, memoryStore } from '#drivers/store/memory/store.ts'
import { Sampler } from '#program/agent/samples.ts'
import { Archivist } from '#program/controller/archivist.ts'
import { Measurements } from '#program/controller/measurements.ts'
import { kinds } from '#kinds/registry.ts'
import { Replica } from '#runtime/replica.ts'
import { plant } from '../api/desk.ts'

/** A clock that stands until it is moved; the wall can be set apart from it. */
class Hands implements Clock {
  wall = 1_700_000_000_000
  steady = 5_000
  #sleepers: { at: number; wake: () => void }[] = []
  now() {
    return this.wall
  }
  monotonic() {
    return this.steady
  }
  sleep(ms: number, signal?: AbortSignal) {
    return new Promise<void>((resolve, reject) => {
      this.#sleepers.push({ at: this.steady + ms, wake: resolve })
      signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
    })
  }
  after() {
    return () => undefined
  }
  async pass(ms: number) {
    this.wall += ms
    this.steady += ms
    const due = this.#sleepers.filter(({ at }) => at <= this.steady)
    this.#sleepers = this.#sleepers.filter(({ at }) => at > this.steady)
    for (const { wake } of due) wake()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function pool() {
  const replica = new Replica(
    memoryStore({ disk: memoryDisk() }),
    kinds.map(({ name }) => name),
  )
  replica.index('guest-of', 'guest', ({ owner }) => (owner === null ? [] : [owner]))
  await replica.start(new AbortController().signal)
  await plant(replica, { kind: 'host', name: 'h1' })
  await plant(replica, { kind: 'host', name: 'h2' })
  const spec = { image: 'starter' }
  const machine = await plant(replica, { kind: 'machine', name: 'web', project: 'default', spec })
  return { replica, machine }
}

const guestSpec = (machine: string) =>
  ({
    machine,
    machineName: 'web',
    epoch: 1,
    power: 'on',
    boot: 1,
    forceAfterSeconds: 30,
    restart: 'never',
    cpus: 2,
    memoryMib: 512,
    machineType: 'q35',
    kernelImage: null,
    kernelDatastore: null,
    commandLine: '',
    disks: [],
    nics: [],
    machineSpec: {},
  }) as unknown as JsonObject

const said = (sequence: number, guests: object, more: object = {}) => ({
  incarnation: 'i1',
  samples: [{ sequence, agoMs: 500, overMs: 10_000, host: { cpu: 0.5 }, guests, ...more }],
})

test('a sample is taken once, from the host that the guest stands on, in time, and by our own clock (I-40)', async () => {
  const { replica, machine } = await pool()
  const guest = await plant(replica, {
    kind: 'guest',
    name: 'web',
    project: 'default',
    owner: machine.id,
    host: 'h1',
    spec: guestSpec(machine.id),
  })
  const clock = new Hands()
  const on = new Measurements({ replica, clock, metrics: undefined, log: () => {} })
  const cpu = () => on.recent('machine', machine.id)?.newest['cpu']
  const total = () => on.totals('machine', machine.id)['cpu']
  on.take('h2', said(9, { [guest.id]: { cpu: 9 } }))
  assert.equal(cpu(), undefined, 'a host speaks for its own guests')
  on.take('h1', said(1, { [guest.id]: { cpu: 1 }, stranger: { cpu: 3 } }))
  assert.deepEqual([cpu(), total()], [1, 10])
  assert.equal(on.recent('machine', machine.id)?.sampledAtMs, clock.wall - 500)
  on.take('h1', said(1, { [guest.id]: { cpu: 2 } }))
  on.take('h1', said(0, { [guest.id]: { cpu: 2 } }))
  assert.deepEqual([cpu(), total()], [1, 10], 'twice is once')
  on.take('h1', said(2, { [guest.id]: { cpu: 2 } }, { agoMs: limits.sampleLateMs + 1 }))
  on.take('h1', said(3, { [guest.id]: { cpu: 2 } }, { agoMs: -1 }))
  on.take('h1', said(4, { [guest.id]: { cpu: 2 } }, { overMs: 1e9 }))
  assert.deepEqual([cpu(), total()], [1, 10])
  on.take('h1', { ...said(1, { [guest.id]: { cpu: 4 } }), incarnation: 'i2' })
  assert.deepEqual([cpu(), total()], [4, 50], 'a new agent counts anew')
  for (const noise of [null, 5, [], { incarnation: 'i2', samples: [null, 7, { sequence: 'x' }] }])
    on.take('h1', noise)
  await clock.pass(120_000)
  assert.equal(cpu(), undefined, 'what is long ago is not of now')
  assert.equal(total(), 50, 'a counter does not go back')
})

test('samples wait for a controller, the oldest go when they are too many, and say how old they are', async () => {
  const clock = new Hands()
  const hypervisor = { list: async () => [] } as unknown as Hypervisor
  const sampler = new Sampler({ clock, hypervisor, newId: () => 'i1' })
  assert.deepEqual(sampler.due(), {})
  for (let n = 0; n < 50; n++) {
    await sampler.take()
    await clock.pass(10_000)
  }
  const samples: { sequence: number; agoMs: number; overMs: number }[] = []
  for (;;) {
    const due = sampler.due() as unknown as { samples?: typeof samples }
    if (due.samples === undefined) break
    assert.ok(due.samples.length <= 4)
    samples.push(...due.samples)
  }
  assert.equal(samples.length, limits.samplesWaiting)
  assert.deepEqual(
    samples.map(({ sequence }) => sequence),
    Array.from({ length: 30 }, (_, n) => 21 + n),
  )
  assert.deepEqual([samples[0]?.agoMs, samples.at(-1)?.agoMs], [300_000, 10_000])
})

test('a guest that does not answer holds up no other', async () => {
  const usage = async (id: string) => (id === 'bad' ? Promise.reject(new Problem('guest/absent')) : null)
  const hypervisor = { list: async () => ['bad', 'gone'], usage } as unknown as Hypervisor
  const sampler = new Sampler({ clock: new Hands(), hypervisor, newId: () => 'i1' })
  await sampler.take()
  assert.deepEqual((sampler.due() as unknown as { samples: { guests: object }[] }).samples[0]?.guests, {})
})

const sample = (atMs: number): Sample => ({
  subject: { kind: 'machine', id: 'm' },
  atMs,
  overMs: 10_000,
  figures: { cpu: 1 },
})

/** Metrics that can be made to fail, and that say what was asked of them. */
function fragile() {
  const inner = memoryMetrics()
  const state = { problem: undefined as Problem | undefined, tendings: [] as Tending[] }
  const metrics: Metrics = {
    ...inner,
    write: async (samples) => {
      if (state.problem !== undefined) throw state.problem
      await inner.write(samples)
    },
    tend: async (tending) => {
      state.tendings.push(tending)
      return { isDone: true }
    },
  }
  return { metrics, state }
}

test('what cannot be kept is lost and said once; when it can be again, that too is said', async () => {
  const clock = new Hands()
  const lines: string[] = []
  const { metrics, state } = fragile()
  const archivist = new Archivist({ clock, metrics, log: (line) => lines.push(line), isKnown: () => [] })
  const stop = new AbortController()
  const running = archivist.run(stop.signal)
  const pass = async () => {
    archivist.keep(sample(clock.now()))
    await clock.pass(10_000)
    await new Promise((resolve) => setImmediate(resolve))
  }
  await pass()
  assert.deepEqual(archivist.health(), { state: 'ok', why: '', lost: 0 })
  state.problem = new Problem('store/full')
  for (let n = 0; n < 5; n++) await pass()
  assert.deepEqual([archivist.health().state, archivist.health().lost], ['losing', 5])
  state.problem = undefined
  await pass()
  assert.deepEqual([archivist.health().state, archivist.health().lost], ['ok', 5])
  assert.equal(lines.length, 2, lines.join('\n'))
  assert.equal((await metrics.size()).subjects, 1)
  stop.abort()
  await clock.pass(60_000)
  await running
})

test('age is not judged in the first hour, nor for a day after the clock jumped (I-40)', async () => {
  const clock = new Hands()
  const { metrics, state } = fragile()
  const archivist = new Archivist({ clock, metrics, log: () => {}, isKnown: () => [] })
  const stop = new AbortController()
  const running = archivist.run(stop.signal)
  const minutes = async (count: number) => {
    for (let n = 0; n < count * 6; n++) await clock.pass(10_000)
    return state.tendings.at(-1)?.mayForget
  }
  assert.equal(await minutes(30), false)
  assert.equal(await minutes(40), true)
  clock.wall += 400 * 86_400_000
  assert.equal(await minutes(10), false)
  clock.wall -= 400 * 86_400_000
  assert.equal(await minutes(23 * 60), false)
  assert.equal(await minutes(2 * 60), true)
  stop.abort()
  await clock.pass(60_000)
  await running
})

test('where nothing keeps them, nothing piles up (I-48)', () => {
  const archivist = new Archivist({
    clock: new Hands(),
    metrics: undefined,
    log: () => {},
    isKnown: () => [],
  })
  for (let n = 0; n < 200_000; n++) archivist.keep(sample(n))
  assert.deepEqual(archivist.health(), { state: 'none', why: '', lost: 0 })
})
