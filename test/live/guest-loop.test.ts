/**
 * The agent's loop of guests with a real QEMU: parts come and go while the guest runs, with the agent killed again
 * and again between its steps.
 */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { realClock } from '#drivers/clock/real/clock.ts'
import { openDirectory } from '#drivers/datastore/directory/directory.ts'
import type { Datastore } from '#drivers/datastore/port.ts'
import type { Hypervisor } from '#drivers/hypervisor/port.ts'
import { FolderNotebook } from '#drivers/notebook/folder/notebook.ts'
import { openUserNetwork } from '#drivers/network/user/network.ts'
import { GuestDisk, GuestNic } from '#kinds/guest/parts.ts'
import { guest as guestKind, type GuestSpec, type GuestStatus } from '#kinds/guest/schema.ts'
import { Patience } from '#program/agent/attempts.ts'
import { GuestRecords } from '#program/agent/guest-records.ts'
import { guestReconciler } from '#program/agent/guests.ts'
import { Insides } from '#program/agent/insides.ts'
import { AgentReports } from '#program/agent/reports.ts'
import { Wishes } from '#program/agent/wishes.ts'
import { round } from '#runtime/reconcile.ts'
import { guestFiles } from './hypervisor-guest.ts'
import { answerOf, promptOf } from './hypervisor-parts.ts'
import { liveWorld, never, type LiveWorld } from './hypervisor-world.ts'

class Killed extends Error {}

const patienceMs = 120_000
const mebibyte = 2 ** 20
const [id, image, boot, data] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]

const disk = (name: string, volume: string, more: Partial<GuestDisk> = {}) =>
  GuestDisk.parse({
    id: name,
    volume,
    volumeName: name,
    datastore: 'local',
    format: 'qcow2',
    isReadOnly: false,
    ...more,
  })

const plain: GuestSpec = guestKind.spec.parse({
  machine: randomUUID(),
  machineName: 'live',
  epoch: 1,
  power: 'on',
  boot: 1,
  forceAfterSeconds: 0,
  restart: 'on-failure',
  cpus: 1,
  memoryMib: 192,
  machineType: 'q35',
  kernelImage: image,
  kernelDatastore: 'local',
  commandLine: 'console=ttyS0 quiet panic=0 memhp_default_state=online_movable',
  disks: [disk('disk0', boot)],
  nics: [],
  shape: { cpusMax: 2, memoryMaxMib: 384, hasGuestAgent: false },
  machineSpec: {},
})

/** An agent that dies again and again between its steps, and is begun anew, with nothing but its notes. */
class Dying {
  readonly #world: LiveWorld
  readonly #datastore: Datastore
  #steps = 0
  #generation = 0
  deaths = 0
  status: GuestStatus | undefined
  driver: Hypervisor | undefined
  #spec = plain

  constructor(world: LiveWorld, datastore: Datastore) {
    this.#world = world
    this.#datastore = datastore
  }

  async comeTo(spec: GuestSpec): Promise<void> {
    this.#spec = spec
    this.#generation += 1
    const deadline = realClock.monotonic() + patienceMs
    while (!(await this.#live()))
      assert.ok(realClock.monotonic() < deadline, JSON.stringify(this.status?.holds))
  }

  /** One life: until it rests as wished (true) or dies. */
  async #live(): Promise<boolean> {
    const driver = (this.driver = await this.#world.open())
    const notebook = new FolderNotebook(join(this.#world.folder, '..', 'notes'))
    const wishes = new Wishes(notebook, () => undefined)
    const document = { kind: 'guest', id, name: 'g', generation: this.#generation, spec: this.#spec }
    await wishes.take({
      say: 'wish',
      wish: { revision: this.#generation, document: { ...document, deletingAtMs: null } },
    } as never)
    const loop = this.#loop(driver, notebook, wishes)
    for (;;) {
      try {
        const { againMs } = await round(loop as never, id, () => this.#mayDie())
        const isResting = againMs !== 0 && (this.status?.holds.length ?? 1) === 0
        if (isResting && this.status?.generation === this.#generation) return true
        await realClock.sleep(againMs ?? 200)
      } catch (fault) {
        if (fault instanceof Killed) break
        await realClock.sleep(500)
      }
    }
    this.deaths += 1
    await driver.close()
    return false
  }

  #loop(driver: Hypervisor, notebook: FolderNotebook, wishes: Wishes) {
    const ports = {
      notebook,
      hypervisor: driver,
      datastore: () => this.#datastore,
      network: openUserNetwork(),
      clock: realClock,
      facts: { bootId: 'boot' },
      newId: randomUUID,
      newWord: () => 'seagull',
      log: () => undefined,
    } as never
    const loop = guestReconciler(ports, {
      wishes,
      reports: new AgentReports(),
      insides: new Insides(ports, () => undefined),
      patience: new Patience(),
      records: new GuestRecords(notebook),
      signal: never,
    })
    return { ...loop, tell: async (_: unknown, status: GuestStatus) => void (this.status = status) }
  }

  #mayDie() {
    // Never before the second of two steps for ever: a start notes and spawns anew each time.
    const turn = (this.#steps += 1) % 5
    if (turn === 1 || turn === 4) throw new Killed()
  }
}

/** A datastore with two empty volumes and the kernel that the test's guest boots. */
async function datastoreIn(world: LiveWorld): Promise<Datastore> {
  const folder = join(world.folder, '..', 'datastore')
  mkdirSync(folder, { recursive: true })
  const local = await openDirectory({ folder })
  for (const volume of [boot, data])
    await local.create(volume, { format: 'qcow2', sizeBytes: 16 * mebibyte, image: null }, never)
  const { kernelFile, initrdFile } = guestFiles('parts')
  return new Proxy(local, {
    get(target, name) {
      if (name === 'observeImage') return async () => ({ state: 'ready' })
      if (name === 'imageFiles') return async () => ({ disk: null, kernel: kernelFile, initrd: initrdFile })
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    },
  })
}

test('I-20: parts of a real guest come and go though the agent dies between its steps', async (context) => {
  const world = await liveWorld()
  context.after(() => world.close())
  const agent = new Dying(world, await datastoreIn(world))
  await agent.comeTo(plain)
  await promptOf(agent.driver, id)
  const { pid } = (await agent.driver?.observe(id)) ?? {}
  const count = () => answerOf(agent.driver, id, 'ls /sys/block | grep -c ^vd')
  const nics = () => answerOf(agent.driver, id, 'ls /sys/class/net | grep -vc ^lo')

  await agent.driver?.close()
  await agent.comeTo({
    ...plain,
    cpus: 2,
    memoryMib: 320,
    disks: [disk('disk0', boot, { iops: 500 }), disk('data', data, { sizeBytes: 64 * mebibyte })],
    nics: [
      GuestNic.parse({
        id: 'net0',
        network: 'n1',
        driver: 'user',
        mac: '52:54:00:00:00:01',
        isRestricted: true,
        forwards: [],
      }),
    ],
  })
  assert.deepEqual([await count(), await nics()], ['2', '1'])
  assert.deepEqual(agent.status?.running?.disks, [boot, data])
  assert.deepEqual([agent.status?.running?.cpus, agent.status?.running?.memoryMib], [2, 320])
  const seen = await agent.driver?.observe(id)
  assert.equal(seen?.running?.disks.find((one) => one.id === 'data')?.sizeBytes, 64 * mebibyte)

  await agent.driver?.close()
  await agent.comeTo({ ...plain, cpus: 2, memoryMib: 320 })
  assert.deepEqual([await count(), await nics()], ['1', '0'])
  assert.deepEqual(agent.status?.running?.disks, [boot])
  assert.equal((await agent.driver?.observe(id))?.pid, pid, 'it is the same process')
  assert.ok(agent.deaths >= 8, `the agent died ${agent.deaths} times only`)
  await agent.driver?.close()
})
