/** The two programs joined, on fakes: what a person wishes comes true, whatever is killed. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { memoryDisk } from '#drivers/store/memory/store.ts'
import type { HostDocument } from '#kinds/host/schema.ts'
import { machine as machineKind, type MachineDocument } from '#kinds/machine/schema.ts'
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
