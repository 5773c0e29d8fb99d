/** The two programs joined, on fakes: what a person wishes comes true, whatever is killed. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { memoryDisk } from '#drivers/store/memory/store.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import { machine as machineKind, type MachineDocument } from '#kinds/machine/schema.ts'
import { Disk } from '#kinds/machine/parts.ts'
import type { Document } from '#model/document.ts'
import { create, edit, state, together, until, wished } from './bench.ts'

const spec = { image: 'small', cpus: 1, memoryMib: 64 }
const verb = (name: 'start' | 'stop' | 'reboot' | 'pause' | 'resume') => (document: Document) => ({
  ...document,
  spec: machineKind.verbs[name]!.edit(document as never, {}),
})
const bootOf = (document: Document | undefined) =>
  (document as MachineDocument | undefined)?.status.guest?.boot

const strays = (document: Document | undefined) =>
  (document as HostDocument | undefined)?.status.unclaimed.length

const holdsOf = (document: Document | undefined): string[] =>
  (document as MachineDocument | undefined)?.status.holds.map(({ code }) => code) ?? []

async function running() {
  const lab = await together()
  const controller = await lab.startController()
  const agent = await lab.startAgent()
  await create(controller, wished('image', 'small', { source: 'starter' }))
  const machine = await create(controller, wished('machine', 'web', spec))
  await until(controller, machine, (seen) => state(seen) === 'running')
  return { lab, controller, agent, machine }
}

test('a machine is created, stopped, started, paused, rebooted and deleted, and leaves nothing', async () => {
  const { lab, controller, agent, machine } = await running()
  await edit(controller, machine, verb('stop'))
  await until(controller, machine, (seen) => state(seen) === 'stopped')
  await edit(controller, machine, verb('start'))
  await until(controller, machine, (seen) => state(seen) === 'running' && bootOf(seen) === 2)
  await edit(controller, machine, verb('pause'))
  await until(controller, machine, (seen) => state(seen) === 'paused')
  await edit(controller, machine, verb('resume'))
  await until(controller, machine, (seen) => state(seen) === 'running')
  await edit(controller, machine, verb('reboot'))
  const rebooted = await until(controller, machine, (seen) => state(seen) === 'running' && bootOf(seen) === 3)
  equal((rebooted as MachineDocument).status.guest?.epoch, 3)
  await edit(controller, machine, (document) => ({ ...document, deletingAtMs: Date.now() }))
  await until(controller, machine, (seen) => seen === undefined)
  deepEqual([...lab.world.guests.keys(), ...lab.disk.volumes.keys()], [])
  deepEqual(lab.notebook.keys('guest'), [])
  equal([...controller.desk.replica.all('guest')].length, 0)
  const claims = await controller.desk.store.claims('')
  deepEqual(
    claims.filter(({ claim }) => /attach|web/.test(claim)),
    [],
  )
  await agent.stop()
  await controller.stop()
})

test('I-24: killing controller and agent stops no guest, and the same process is taken up again', async () => {
  const { lab, controller, agent, machine } = await running()
  const before = [...lab.world.guests.values()].map(({ pid }) => pid)
  await agent.stop()
  await controller.stop()
  const again = await lab.startController()
  const second = await lab.startAgent()
  await until(again, machine, (seen) => state(seen) === 'running')
  deepEqual(
    [...lab.world.guests.values()].map(({ pid }) => pid),
    before,
  )
  equal((await second.adopted()).length, 1)
  await second.stop()
  await again.stop()
})

test('a guest that powers itself off stays off until it is started; one that crashes comes back', async () => {
  const { lab, controller, agent, machine } = await running()
  const [id = ''] = lab.world.guests.keys()
  lab.world.powerOff(id)
  const off = await until(controller, machine, (seen) => state(seen) === 'stopped')
  ok((off as MachineDocument).status.holds.some(({ code }) => code === 'guest/powered-itself-off'))
  await edit(controller, machine, verb('start'))
  await until(controller, machine, (seen) => state(seen) === 'running' && bootOf(seen) === 2)
  lab.world.crash(id)
  await until(controller, machine, (seen) => state(seen) === 'crashed')
  await until(controller, machine, (seen) => state(seen) === 'running')
  await agent.stop()
  await controller.stop()
})

test('I-22: when the store is lost, running guests are found, adopted on request, and never stopped', async () => {
  const { lab, controller, agent, machine } = await running()
  const before = [...lab.world.guests.values()].map(({ pid }) => pid)
  await controller.stop()
  lab.storeDisk.now = memoryDisk()
  const again = await lab.startController()
  const host = again.desk.replica.find('host', null, 'h1')!.document
  await until(again, host, (seen) => strays(seen) === 1)
  deepEqual(await again.desk.act('adopt', host, {}), { adopted: ['web'] })
  await until(again, machine, (seen) => state(seen) === 'running')
  deepEqual(
    [...lab.world.guests.values()].map(({ pid }) => pid),
    before,
  )
  await agent.stop()
  await again.stop()
})

test('a host has only its own things adopted: no user, no token, nothing of another host (I-43)', async () => {
  const { lab, controller, agent } = await running()
  const { replica } = controller.desk
  const guest = [...replica.all('guest')][0]!.document
  await agent.stop()
  const hello = () => ({ host: 'h1', incarnation: 'evil', version: 'x', have: {} })
  const door = { hello, down: () => {}, ask: () => Promise.reject(), open: () => Promise.reject() }
  const uplink = await lab.link.client('h1').connect(door as never, new AbortController().signal)
  const bindings = [{ project: '*', role: 'admin' }]
  const { status: _, ...body } = guest
  const claimed: [string, object][] = [
    ['user', { ...wished('user', 'mallory', { bindings }), host: 'h1' }],
    ['token', { ...wished('token', 'key', { user: 'admin' }), host: 'h1' }],
    ['machine', { ...wished('machine', 'ghost', spec), host: 'h1' }],
    ['guest', { ...body, id: randomUUID(), name: 'elsewhere', host: 'h2' }],
    ['guest', { ...body, id: randomUUID(), name: 'Escapes \u001b[2J' }],
    ['guest', { ...body, id: randomUUID(), name: 'half', spec: { machine: randomUUID() } }],
    ['volume', { ...body, id: randomUUID(), name: 'other-kind' }],
    ['guest', { id: randomUUID() }],
  ]
  for (const [at, [kind, document]] of claimed.entries()) {
    const { id } = document as { id: string }
    uplink.say({ say: 'report', sequence: at + 1, kind, id, generation: 1, status: {}, document } as never)
  }
  const own = {
    ...body,
    id: randomUUID(),
    name: 'own',
    spec: { ...(guest.spec as object), disks: [], nics: [] },
  }
  uplink.say({
    say: 'report',
    sequence: 99,
    kind: 'guest',
    id: own.id,
    generation: 1,
    status: {},
    document: own,
  } as never)
  const host = replica.find('host', null, 'h1')!.document
  await until(controller, host, (seen) => strays(seen) === 1)
  await controller.desk.act('adopt', host, {})
  deepEqual(
    ['mallory', 'key'].map((name) => replica.find(name === 'key' ? 'token' : 'user', null, name)),
    [undefined, undefined],
  )
  deepEqual(
    [...replica.all('guest')].map(({ document }) => document.name).toSorted(),
    ['own', guest.name].toSorted(),
  )
  equal(
    [...replica.all('machine')].some(({ document }) => document.name === 'ghost'),
    false,
  )
  uplink.close()
  await controller.stop()
})

test('a rehearsal names the steps and the state to come, and changes nothing', async () => {
  const { controller, agent } = await running()
  const wish = wished('machine', 'second', spec)
  const revision = controller.desk.replica.revision
  const { steps, holds, predicted } = controller.desk.rehearse(undefined, wish)
  deepEqual(
    steps.map((step) => step.do),
    ['place', 'create-volume', 'create-guest'],
  )
  deepEqual([holds, state(predicted ?? undefined)], [[], 'running'])
  equal(controller.desk.replica.revision, revision)
  await agent.stop()
  await controller.stop()
})

test('I-27: a host port belongs to one machine; the second that asks waits and is told whose it is', async () => {
  const { controller, agent } = await running()
  const nics = [{ network: 'default', forwards: [{ hostPort: 8080, guestPort: 80 }] }]
  const first = await create(controller, wished('machine', 'first', { ...spec, nics }))
  await until(controller, first, (seen) => state(seen) === 'running')
  const second = await create(controller, wished('machine', 'second', { ...spec, nics }))
  // Its volume is made first, which may be seen as well.
  const isTold = (seen: Document | undefined) => holdsOf(seen).includes('machine/port-taken')
  const waiting = await until(controller, second, isTold)
  deepEqual((waiting as MachineDocument).status.holds, [
    {
      code: 'machine/port-taken',
      facts: { protocol: 'tcp', address: '127.0.0.1', port: '8080', machine: 'first' },
    },
  ])
  await agent.stop()
  await controller.stop()
})

test("a disk comes to a running machine and goes again without a new start, and is nobody else's meanwhile", async () => {
  const { lab, controller, agent, machine } = await running()
  const volume = await create(controller, wished('volume', 'data', { sizeMib: 64 }))
  await until(controller, volume, (seen) => state(seen) === 'ready')
  const withDisks = (disks: readonly object[]) => (document: Document) => ({
    ...document,
    spec: { ...(document.spec as object), disks: disks.map((disk) => Disk.parse(disk)) },
  })
  const held = async () => (await controller.desk.store.claims(`attach/${volume.id}`)).length
  const open = () => [...lab.world.guests.values()].flatMap(({ shape }) => shape.disks.map(({ id }) => id))
  const isAsWished = (seen: Document | undefined) =>
    seen !== undefined && machineKind.isReady(seen as MachineDocument)
  await edit(controller, machine, withDisks([{ name: 'data', volume: 'data' }]))
  await until(controller, machine, isAsWished)
  deepEqual([open(), await held()], [['disk0', 'data'], 1])
  await edit(controller, machine, withDisks([]))
  const after = await until(controller, machine, isAsWished)
  deepEqual([open(), await held(), bootOf(after)], [['disk0'], 0, 1])
  await agent.stop()
  await controller.stop()
})

test('a disk whose bus has no hot-plug waits for the next start, and says so; the reboot takes it', async () => {
  const { controller, agent, machine } = await running()
  await edit(controller, machine, (document) => ({
    ...document,
    spec: {
      ...(document.spec as object),
      disks: [Disk.parse({ name: 'data', sizeMib: 64, bus: 'sata' })],
    },
  }))
  const waiting = await until(controller, machine, (seen) =>
    holdsOf(seen).includes('machine/restart-required'),
  )
  deepEqual((waiting as MachineDocument).status.restartRequired, ['disks'])
  // Nothing more comes true until a person starts it anew: whoever waits is told so.
  ok(machineKind.isReady(waiting as MachineDocument))
  await edit(controller, machine, verb('reboot'))
  await until(
    controller,
    machine,
    (seen) => state(seen) === 'running' && bootOf(seen) === 2 && holdsOf(seen).length === 0,
  )
  await agent.stop()
  await controller.stop()
})

test('a boot disk that was wished larger grows while its machine runs', async () => {
  const { lab, controller, agent, machine } = await running()
  await edit(controller, machine, (document) => ({
    ...document,
    spec: { ...(document.spec as object), diskMib: 2048 },
  }))
  const grown = await until(
    controller,
    machine,
    (seen) => seen !== undefined && machineKind.isReady(seen as MachineDocument),
  )
  const sizes = {
    kept: [...lab.disk.volumes.values()].map(({ sizeBytes }) => sizeBytes),
    seen: [...lab.world.guests.values()].flatMap(({ shape }) =>
      shape.disks.map(({ sizeBytes }) => sizeBytes),
    ),
  }
  deepEqual([sizes, bootOf(grown)], [{ kept: [2 ** 31], seen: [2 ** 31] }, 1])
  await agent.stop()
  await controller.stop()
})
