/**
 * The loop of guests over the simulated hypervisor: whatever is wished and wherever the agent is killed, a guest ends
 * as wished or says what holds it, and no volume is ever open twice.
 */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { Problem } from '#model/problem.ts'
import type { Hold } from '#model/plan.ts'
import { FakeDatastore, newFakeDisk } from '#drivers/datastore/fake/datastore.ts'
import { hurriedClock } from '#drivers/hypervisor/fake/fixtures.ts'
import { openFake, type Act } from '#drivers/hypervisor/fake/open.ts'
import { FakeWorld } from '#drivers/hypervisor/fake/world.ts'
import { FakeNetwork, newFakePorts } from '#drivers/network/fake/network.ts'
import { MemoryNotebook } from '#drivers/notebook/memory/notebook.ts'
import { GuestDisk, GuestNic } from '#kinds/guest/parts.ts'
import { guest as guestKind, type GuestSpec, type GuestStatus } from '#kinds/guest/schema.ts'
import { round } from '#runtime/reconcile.ts'
import { Patience } from './attempts.ts'
import { GuestRecords } from './guest-records.ts'
import { guestReconciler } from './guests.ts'
import { Insides } from './insides.ts'
import { AgentReports } from './reports.ts'
import { Wishes } from './wishes.ts'
import type { AgentPorts } from './world.ts'

const never = new AbortController().signal
const mebibyte = 2 ** 20
const volumes = ['1', '2', '3', '4'].map((digit) => `00000000-0000-4000-8000-00000000000${digit}`)
const guests = ['a', 'b'].map((digit) => `00000000-0000-4000-8000-0000000000${digit}0`)

type Moment = 'step' | `${Act['do']} ${Act['moment']}`
type Kill = { readonly at: Moment | 'any'; readonly after: number }

class Killed extends Error {}

/** One host with the loop of its guests, and a controller that hands volumes on by what it is told. */
class Stage {
  readonly clock = hurriedClock()
  readonly world = new FakeWorld(this.clock)
  readonly disk = newFakeDisk()
  readonly datastore = new FakeDatastore(this.disk, { name: 'local', clock: this.clock })
  readonly network = new FakeNetwork(newFakePorts())
  readonly notebook = new MemoryNotebook()
  readonly told = new Map<string, GuestStatus>()
  readonly specs = new Map<string, GuestSpec>()
  readonly generations = new Map<string, number>()
  wishes = new Wishes(this.notebook, () => undefined)
  #loop = this.#begin()
  /** Acts of the kind that are still to pass before the agent is killed; null: it lives. */
  kill: Kill | null = null
  deaths = 0

  async setUp() {
    for (const volume of volumes)
      await this.datastore.create(volume, { format: 'qcow2', sizeBytes: 64 * mebibyte, image: null }, never)
  }

  #ports(): AgentPorts {
    return {
      link: { connect: () => Promise.reject(new Problem('link/lost', { peer: 'nobody' })) } as never,
      notebook: this.notebook,
      hypervisor: openFake(this.world, ({ do: act, moment }) => this.#pass(`${act} ${moment}`)),
      datastore: (name) => (name === 'local' ? this.datastore : undefined),
      network: this.network,
      imageMaker: undefined as never,
      clock: this.clock,
      facts: {
        architecture: 'x86_64',
        cpus: 4,
        memoryMib: 8192,
        kernel: 'simulated',
        hostname: 'h1',
        bootId: 'boot-1',
      },
      newId: () => 'id',
      newWord: () => 'word',
      log: () => undefined,
    }
  }

  #begin() {
    const ports = this.#ports()
    this.wishes = new Wishes(this.notebook, () => undefined)
    const insides = new Insides(ports, () => undefined)
    const reports = new AgentReports()
    const patience = new Patience()
    const records = new GuestRecords(this.notebook)
    const loop = guestReconciler(ports, {
      wishes: this.wishes,
      reports,
      insides,
      patience,
      records,
      signal: never,
    })
    return {
      ...loop,
      tell: async (seen: { readonly id: string }, status: GuestStatus) => void this.told.set(seen.id, status),
    }
  }

  /** Kills the agent when its time has come: what it does next does not happen. */
  #pass(act: Moment) {
    const { kill } = this
    if (kill === null || act.startsWith('observe') || (kill.at !== 'any' && kill.at !== act)) return
    this.kill = kill.after > 0 ? { ...kill, after: kill.after - 1 } : null
    if (kill.after > 0) return
    throw new Killed(act)
  }

  async wish(id: string, spec: GuestSpec) {
    this.specs.set(id, spec)
    const generation = (this.generations.get(id) ?? 0) + 1
    this.generations.set(id, generation)
    const document = { kind: 'guest', id, name: 'g', generation, spec, deletingAtMs: null }
    await this.wishes.take({
      say: 'wish',
      wish: { revision: generation, document },
    } as never)
  }

  /** Rounds of one guest until it rests; at most for so long. */
  async work(id: string, forMs: number) {
    const untilMs = this.clock.monotonic() + forMs
    for (let rounds = 0; this.clock.monotonic() < untilMs; rounds += 1) {
      assert.ok(rounds < 3_000, `it does not rest: ${JSON.stringify(this.told.get(id)?.holds)}`)
      const againMs = await this.#round(id)
      this.checkOpen()
      if (againMs === undefined) return
      if (againMs > 0) await this.clock.sleep(againMs)
    }
  }

  async #round(id: string): Promise<number | undefined> {
    try {
      return (await round(this.#loop as never, id, () => this.#pass('step'))).againMs
    } catch (fault) {
      if (fault instanceof Killed) {
        this.deaths += 1
        this.#loop = this.#begin()
      }
      return 1_000
    }
  }

  /** I-01: no volume is open twice, and what is open is told to be. */
  checkOpen() {
    const open = new Map<string, string>()
    for (const [id, { process, shape }] of this.world.guests) {
      if (process === 'absent' || process === 'lost') continue
      for (const { chain, id: disk } of shape.disks) {
        const volume = volumes.find((one) => chain[0]?.file.includes(one)) ?? '?'
        assert.equal(open.get(volume), undefined, `${volume} is open twice`)
        open.set(volume, `${id}/${disk}`)
        const { disks } = new GuestRecords(this.notebook).get(id)
        assert.ok(
          disks.some((one) => one.volume === volume),
          `${volume} is open and not noted`,
        )
      }
    }
  }

  /** Volumes that a guest may have, by what its host told of its newest wish. */
  mayBeOpen(volume: string, by: string): boolean {
    const spec = this.specs.get(by)
    if (spec === undefined) return false
    if (spec.disks.some((disk) => disk.volume === volume)) return true
    const status = this.told.get(by)
    const isNewest = (status?.generation ?? 0) >= (this.generations.get(by) ?? 0)
    if (!isNewest || status === undefined) return true
    if (status.pid === null) return spec.power !== 'off' && spec.power !== 'gone'
    return status.running?.disks?.includes(volume) !== false
  }
}

const plain = (machineName: string): GuestSpec =>
  guestKind.spec.parse({
    machine: machineName,
    machineName,
    epoch: 1,
    power: 'on',
    boot: 1,
    forceAfterSeconds: 0,
    restart: 'on-failure',
    cpus: 1,
    memoryMib: 128,
    machineType: 'q35',
    kernelImage: null,
    kernelDatastore: null,
    commandLine: '',
    disks: [],
    nics: [],
    shape: { cpusMax: 4, memoryMaxMib: 512 },
    machineSpec: {},
  })

const diskOf = (id: string, volume: string, more: Partial<GuestDisk> = {}) =>
  GuestDisk.parse({
    id,
    volume,
    volumeName: `v${volume.slice(-1)}`,
    datastore: 'local',
    format: 'qcow2',
    isReadOnly: false,
    ...more,
  })
const nicOf = (id: string, more: Partial<GuestNic> = {}) =>
  GuestNic.parse({
    id,
    network: 'n1',
    driver: 'user',
    mac: `52:54:00:00:00:0${id.slice(-1)}`,
    isRestricted: false,
    forwards: [{ guestPort: 22 }],
    ...more,
  })

const codes = (holds: readonly Hold[] | undefined) => (holds ?? []).map(({ code }) => code)
const [a = '', b = ''] = guests
const [v1 = '', v2 = '', v3 = ''] = volumes

async function begun(spec: GuestSpec): Promise<Stage> {
  const stage = new Stage()
  await stage.setUp()
  await stage.wish(a, spec)
  await stage.work(a, 60_000)
  return stage
}

const diskIds = (stage: Stage) => stage.world.live(a).shape.disks.map(({ id }) => id)

test('each part comes and goes while the guest runs, and nothing else happens to it', async () => {
  const stage = await begun({ ...plain('g'), disks: [diskOf('disk0', v1)] })
  const { pid } = stage.world.live(a)
  const full: GuestSpec = {
    ...plain('g'),
    cpus: 2,
    memoryMib: 256,
    balloonMib: 200,
    disks: [diskOf('disk0', v1, { iops: 100 }), diskOf('data', v2, { sizeBytes: 2 ** 31 })],
    nics: [nicOf('net0', { isLinkUp: false })],
  }
  await stage.wish(a, full)
  await stage.work(a, 120_000)
  const { shape } = stage.world.live(a)
  assert.deepEqual(diskIds(stage), ['disk0', 'data'])
  assert.deepEqual([shape.cpus, shape.memoryMib, shape.balloonMib], [2, 256, 200])
  assert.deepEqual([shape.disks[0]?.iops, shape.disks[1]?.sizeBytes], [100, 2 ** 31])
  assert.equal(shape.nics[0]?.isLinkUp, false)
  assert.deepEqual(stage.told.get(a)?.running?.disks, [v1, v2])
  await stage.wish(a, { ...plain('g'), cpus: 2, memoryMib: 256, disks: [diskOf('disk0', v1)] })
  await stage.work(a, 120_000)
  assert.deepEqual(diskIds(stage), ['disk0'])
  assert.deepEqual(stage.told.get(a)?.running?.disks, [v1])
  assert.deepEqual(stage.told.get(a)?.forwards, [])
  assert.equal(stage.world.live(a).pid, pid)
  assert.deepEqual(stage.told.get(a)?.holds, [])
})

test('what cannot come while it runs waits for the next start, and is named', async () => {
  const stage = await begun({ ...plain('g'), cpus: 2, disks: [diskOf('disk0', v1)] })
  await stage.wish(a, {
    ...plain('g'),
    disks: [diskOf('disk0', v1), diskOf('data', v2, { bus: 'sata' })],
    shape: { ...plain('g').shape, watchdog: 'reset', bootOrder: ['network'] },
  })
  await stage.work(a, 10_000)
  const [hold] = stage.told.get(a)?.holds ?? []
  assert.deepEqual([hold?.code, hold?.facts.fields], ['guest/restart-required', 'cpus, disks, watchdog'])
  assert.equal(stage.world.live(a).shape.cpus, 2)
})

test('I-01: a disk to which the guest clings stays open and told, and holds up nothing else', async () => {
  const stage = await begun({ ...plain('g'), disks: [diskOf('disk0', v1), diskOf('data', v2)] })
  stage.world.clings.set(`${a}/data`, 'ever')
  await stage.wish(a, { ...plain('g'), cpus: 3, disks: [diskOf('disk0', v1), diskOf('more', v3)] })
  await stage.work(a, 120_000)
  assert.deepEqual(codes(stage.told.get(a)?.holds), ['guest/clings'])
  assert.deepEqual(stage.told.get(a)?.running?.disks?.toSorted(), [v1, v2, v3])
  assert.equal(stage.world.live(a).shape.cpus, 3)
  // The same volume under another name does not come while the first is still open.
  await stage.wish(a, { ...plain('g'), cpus: 3, disks: [diskOf('disk0', v1), diskOf('other', v2)] })
  await stage.work(a, 60_000)
  assert.ok(!diskIds(stage).includes('other'))
  stage.world.clings.clear()
  await stage.work(a, 300_000)
  assert.deepEqual(diskIds(stage), ['disk0', 'other'])
  assert.deepEqual(stage.told.get(a)?.holds, [])
})

test('I-01: what another guest of this host has open is not opened, whatever is wished', async () => {
  const stage = await begun({ ...plain('g'), disks: [diskOf('disk0', v1), diskOf('data', v2)] })
  stage.world.clings.set(`${a}/data`, 'ever')
  await stage.wish(a, { ...plain('g'), disks: [diskOf('disk0', v1)] })
  await stage.work(a, 30_000)
  await stage.wish(b, { ...plain('h'), disks: [diskOf('disk0', v2)] })
  await stage.work(b, 10_000)
  assert.deepEqual(codes(stage.told.get(b)?.holds), ['guest/volume-in-use'])
  stage.world.clings.clear()
  await stage.work(a, 200_000)
  await stage.work(b, 10_000)
  assert.equal(stage.world.live(b).process, 'running')
})

test('without a free slot a part waits, and comes once another has gone', async () => {
  const stage = new Stage()
  stage.world.spareSlots = 1
  await stage.setUp()
  const boot = { ...plain('g'), disks: [diskOf('disk0', v1)] }
  await stage.wish(a, boot)
  await stage.work(a, 30_000)
  await stage.wish(a, { ...boot, disks: [...boot.disks, diskOf('data', v2), diskOf('more', v3)] })
  await stage.work(a, 30_000)
  assert.deepEqual(codes(stage.told.get(a)?.holds), ['guest/no-slot'])
  await stage.wish(a, { ...boot, disks: [...boot.disks, diskOf('more', v3)] })
  await stage.work(a, 30_000)
  assert.deepEqual(diskIds(stage), ['disk0', 'more'])
})

test('a disk that is not here yet is waited for, and holds up nothing else', async () => {
  const stage = await begun({ ...plain('g'), disks: [diskOf('disk0', v1)] })
  const absent = '00000000-0000-4000-8000-000000000009'
  await stage.wish(a, { ...plain('g'), cpus: 2, disks: [diskOf('disk0', v1), diskOf('data', absent)] })
  await stage.work(a, 10_000)
  assert.deepEqual(codes(stage.told.get(a)?.holds), ['guest/volume-not-ready'])
  assert.equal(stage.world.live(a).shape.cpus, 2)
})

test('a guest that gives no memory back is left in peace, with the figures', async () => {
  const stage = await begun({ ...plain('g'), disks: [diskOf('disk0', v1)] })
  await stage.wish(a, { ...plain('g'), memoryMib: 512, disks: [diskOf('disk0', v1)] })
  await stage.work(a, 30_000)
  stage.world.hoarders.add(a)
  await stage.wish(a, { ...plain('g'), memoryMib: 256, disks: [diskOf('disk0', v1)] })
  await stage.work(a, 120_000)
  const hold = stage.told.get(a)?.holds[0]
  assert.deepEqual([hold?.code, hold?.facts], ['guest/memory-held', { wishedMib: 256, hasMib: 512 }])
})

test('a stop does not wait for what the guest clings to', async () => {
  const stage = await begun({ ...plain('g'), disks: [diskOf('disk0', v1), diskOf('data', v2)] })
  stage.world.clings.set(`${a}/data`, 'ever')
  await stage.wish(a, { ...plain('g'), disks: [diskOf('disk0', v1)] })
  await stage.work(a, 30_000)
  await stage.wish(a, { ...plain('g'), power: 'off', disks: [diskOf('disk0', v1)] })
  await stage.work(a, 30_000)
  assert.equal(stage.world.guests.get(a)?.process, 'absent')
  assert.equal(stage.mayBeOpen(v2, a), false)
})

test('memory that a snapshot kept is gone on from once, at the boot that names it', async () => {
  const stage = await begun({ ...plain('g'), disks: [diskOf('disk0', v1)] })
  const wish: GuestSpec = {
    ...plain('g'),
    boot: 2,
    epoch: 2,
    disks: [diskOf('disk0', v1)],
    memoryOf: { snapshot: '00000000-0000-4000-8000-0000000000f1', boot: 2 },
  }
  await stage.wish(a, wish)
  await stage.work(a, 30_000)
  assert.deepEqual(codes(stage.told.get(a)?.holds), ['guest/memory-missing'])
  assert.equal(stage.world.guests.get(a)?.process, 'absent')
  stage.datastore.memory = async () => ({ file: '/memory/s1', bytes: 1 })
  stage.world.memories.set('/memory/s1', 'then')
  await stage.work(a, 30_000)
  assert.equal(stage.world.live(a).memory, 'then')
  assert.equal(stage.told.get(a)?.ready?.by, 'word')
  stage.world.crash(a)
  await stage.work(a, 60_000)
  assert.equal(stage.world.live(a).body.memoryFile, null, 'its disks have moved on')
})

test('a guest whose watchdog holds it still is left to a person', async () => {
  const spec = { ...plain('g'), disks: [diskOf('disk0', v1)] }
  const stage = await begun(spec)
  stage.world.bite(a)
  await stage.work(a, 10_000)
  assert.deepEqual(codes(stage.told.get(a)?.holds), ['guest/watchdog'])
  await stage.wish(a, { ...spec, power: 'paused' })
  await stage.work(a, 10_000)
  await stage.wish(a, spec)
  await stage.work(a, 10_000)
  assert.equal(stage.world.live(a).process, 'running')
})

const aSpec = fc.record({
  power: fc.oneof(
    { weight: 8, arbitrary: fc.constant('on' as const) },
    fc.constantFrom('off' as const, 'paused' as const),
  ),
  newBoot: fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, fc.constant(true)),
  cpus: fc.integer({ min: 1, max: 4 }),
  memoryMib: fc.constantFrom(128, 256, 512),
  balloonMib: fc.constantFrom(null, 100),
  disks: fc.array(
    fc.record({
      volume: fc.integer({ min: 0, max: 3 }),
      iops: fc.constantFrom(null, 50),
      sizeBytes: fc.constantFrom(null, 2 ** 31),
    }),
    { maxLength: 4 },
  ),
  nics: fc.array(fc.boolean(), { maxLength: 3 }),
})
const aMove = fc.record({
  guest: fc.integer({ min: 0, max: 1 }),
  spec: aSpec,
  forMs: fc.constantFrom(0, 500, 5_000, 60_000, 60_000),
  kill: fc.option(
    fc.record({
      at: fc.constantFrom<Kill['at']>(
        'any',
        'step',
        'attachDisk before',
        'attachDisk after',
        'detachDisk after',
        'attachNic after',
        'detachNic after',
      ),
      after: fc.integer({ min: 0, max: 2 }),
    }),
  ),
  clings: fc.constantFrom('no', 'no', 'while', 'ever'),
  slots: fc.integer({ min: 0, max: 6 }),
  happens: fc.oneof({ weight: 8, arbitrary: fc.constant('nothing') }, fc.constantFrom('crash', 'off')),
})
type Move = typeof aMove extends fc.Arbitrary<infer Value> ? Value : never

/** The wish of a move, without the volumes that the other guest may still have. */
function wishOf(stage: Stage, { guest: at, spec }: Move): GuestSpec {
  const [id = '', other = ''] = at === 0 ? guests : guests.toReversed()
  const before = stage.specs.get(id)
  const boot = (before?.boot ?? 1) + (spec.newBoot && before !== undefined ? 1 : 0)
  const chosen = new Map(spec.disks.map((disk) => [volumes[disk.volume] ?? '', disk]))
  const free = [...chosen].filter(([volume]) => !stage.mayBeOpen(volume, other))
  return {
    ...plain(`g${at}`),
    power: spec.power,
    boot,
    epoch: boot,
    cpus: spec.cpus,
    memoryMib: spec.memoryMib,
    balloonMib: spec.balloonMib,
    disks: free.map(([volume, { iops, sizeBytes }], place) =>
      diskOf(`disk${place}`, volume, { iops, sizeBytes }),
    ),
    nics: spec.nics.map((isLinkUp, place) => nicOf(`net${place}`, { isLinkUp })),
  }
}

async function carryOut(stage: Stage, move: Move) {
  const id = guests[move.guest] ?? ''
  await stage.wish(id, wishOf(stage, move))
  stage.world.spareSlots = move.slots
  for (const disk of ['disk1', 'disk2', 'net0']) {
    if (move.clings === 'no') stage.world.clings.delete(`${id}/${disk}`)
    else stage.world.clings.set(`${id}/${disk}`, move.clings === 'ever' ? 'ever' : 25_000)
  }
  if (move.happens === 'crash') stage.world.crash(id)
  if (move.happens === 'off') stage.world.powerOff(id)
  stage.kill = move.kill
  await stage.work(id, move.forMs)
  stage.kill = null
}

/** Whether what runs is what is wished; else the differences must be held, in words. */
function isAsWished(stage: Stage, id: string): boolean {
  const spec = stage.specs.get(id)
  const found = stage.world.guests.get(id)
  if (spec === undefined) return true
  if (spec.power === 'off') return found === undefined || found.process === 'absent'
  if (found?.process !== (spec.power === 'on' ? 'running' : 'paused')) return false
  const { shape } = found
  const open = shape.disks.map(
    ({ id: disk, chain }) => `${disk} ${chain[0]?.file.match(/[0-9a-f-]{36}/)?.[0]}`,
  )
  const wished = spec.disks.map((disk) => `${disk.id} ${disk.volume}`)
  return (
    same(open, wished) &&
    same(
      shape.nics.map(({ plug }) => plug.id),
      spec.nics.map((nic) => nic.id),
    ) &&
    shape.cpus === spec.cpus &&
    shape.memoryMib === spec.memoryMib
  )
}

const same = (one: readonly string[], other: readonly string[]) =>
  one.toSorted().join() === other.toSorted().join()

test('I-01, I-20: from any state, with kills at any step, a guest ends as wished or says what holds it', async () => {
  let deaths = 0
  await fc.assert(
    fc.asyncProperty(fc.array(aMove, { minLength: 2, maxLength: 12 }), async (moves) => {
      const stage = new Stage()
      await stage.setUp()
      for (const move of moves) await carryOut(stage, move)
      for (const id of guests) await stage.work(id, 900_000)
      for (const id of guests)
        assert.ok(
          isAsWished(stage, id) || (stage.told.get(id)?.holds.length ?? 0) > 0,
          `${id} is not as wished and nothing holds it`,
        )
      deaths += stage.deaths
    }),
    { seed: 7, numRuns: 120 },
  )
  assert.ok(deaths > 50, `the agent died ${deaths} times only`)
})
