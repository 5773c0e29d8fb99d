/** Returns to a kept memory through both programs, on fakes: the shape of that moment comes back, or nothing is ended. */

import { deepEqual, equal, throws } from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { admitVerb } from '#engines/admission/admit.ts'
import type { Around } from '#engines/admission/around.ts'
import { nothing } from '#engines/admission/usage.ts'
import type { MachineDocument, MachineSpec } from '#kinds/machine/schema.ts'
import { machine as machineKind } from '#kinds/machine/schema.ts'
import { kinds } from '#kinds/registry.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { Document } from '#model/document.ts'
import type { Kind } from '#model/kind.ts'
import { create, edit, state, together, until, wished } from './bench.ts'

type Lab = Awaited<ReturnType<typeof together>>
type Controller = Awaited<ReturnType<Lab['startController']>>

const around = ({ desk: { replica } }: Controller): Around => ({
  kinds,
  find: (kind, project, name) => replica.find(kind, project, name)?.document,
  get: (kind, id) => replica.get(kind, id)?.document,
  all: (kind) => [...replica.all(kind)].map(({ document }) => document),
  usage: () => nothing,
  nowMs: Date.now(),
  newId: randomUUID,
})

const admitted = (controller: Controller, { id }: Document, snapshot: string) => {
  const now = controller.desk.replica.get('machine', id)?.document as Document
  const order = { verb: 'revert', input: { snapshot } }
  return admitVerb(machineKind as unknown as Kind, now, order, around(controller)).after as Document
}

const rewish = (controller: Controller, machine: Document, spec: Partial<MachineSpec>) =>
  edit(controller, machine, (now) => ({ ...now, spec: { ...(now.spec as MachineSpec), ...spec } }))

const of = (document: Document | undefined) => document as MachineDocument

async function running() {
  const lab = await together()
  const controller = await lab.startController()
  const agent = await lab.startAgent()
  await create(controller, wished('image', 'small', { source: 'starter' }))
  const size = { cpus: 1, cpusMax: 4, memoryMib: 128, memoryMaxMib: 512 }
  const machine = await create(controller, wished('machine', 'web', { image: 'small', ...size }))
  await until(controller, machine, (seen) => state(seen) === 'running')
  const [guest] = [...lab.world.guests.values()]
  const runs = () => {
    const [now] = [...lab.world.guests.values()]
    return {
      cpus: now?.shape.cpus,
      memoryMib: now?.shape.memoryMib,
      disks: now?.shape.disks.map(({ id }) => id),
    }
  }
  const settled = (want: Partial<ReturnType<typeof runs>>) =>
    until(controller, machine, () => JSON.stringify({ ...runs(), ...want }) === JSON.stringify(runs()))
  const keep = async (name: string) => {
    const made = await create(controller, wished('snapshot', name, { machine: 'web', withMemory: true }))
    return (await until(controller, made, (seen) => state(seen) === 'ready')) as SnapshotDocument
  }
  const revert = async (name: string) => {
    const after = admitted(controller, machine, name)
    await edit(controller, machine, (now) => ({ ...now, spec: after.spec }))
    const { revert: wish } = after.spec as MachineSpec
    await until(
      controller,
      machine,
      (seen) =>
        of(seen).status.revertedAt === wish?.at &&
        state(seen) === 'running' &&
        of(seen).status.guest?.boot === of(seen).spec.boot,
    )
  }
  const stop = async () => {
    await agent.stop()
    await controller.stop()
  }
  return { lab, controller, machine, guest, runs, settled, keep, revert, stop }
}

test('a kept memory brings back the CPUs, memory and disks of its moment, hot-plugged ones too', async () => {
  const { controller, machine, runs, settled, keep, revert, stop } = await running()
  const first = await keep('small')
  deepEqual([first.status.moment?.cpus, first.status.moment?.memoryMib], [1, 128])
  const data = wished('volume', 'data', { sizeMib: 4 })
  await create(controller, data)
  await until(controller, data, (seen) => state(seen) === 'ready')
  const disks = wished('machine', 'x', { disks: [{ name: 'data', volume: 'data' }] }).spec as MachineSpec
  await rewish(controller, machine, { cpus: 3, memoryMib: 256, disks: disks.disks })
  await settled({ cpus: 3, memoryMib: 256, disks: ['disk0', 'data'] })
  const second = await keep('large')
  equal(second.status.moment?.memoryMinMib, 128)
  await revert('small')
  await settled({ cpus: 1, memoryMib: 128, disks: ['disk0'] })
  const { spec, status } = of(controller.desk.replica.get('machine', machine.id)?.document)
  deepEqual([spec.cpus, spec.memoryMib, spec.disks, status.restartRequired], [1, 128, [], []])
  await revert('large')
  deepEqual(runs(), { cpus: 3, memoryMib: 256, disks: ['disk0', 'data'] })
  deepEqual(of(controller.desk.replica.get('machine', machine.id)?.document).spec.disks.length, 1)
  await stop()
})

test('what cannot be brought back is refused before anything is ended', async () => {
  const { lab, controller, machine, guest, settled, keep, stop } = await running()
  const data = wished('volume', 'data', { sizeMib: 4 })
  await create(controller, data)
  await until(controller, data, (seen) => state(seen) === 'ready')
  const { disks } = wished('machine', 'x', { disks: [{ name: 'data', volume: 'data' }] }).spec as MachineSpec
  await rewish(controller, machine, { disks })
  await settled({ disks: ['disk0', 'data'] })
  const kept = await keep('both')
  await rewish(controller, machine, { disks: [] })
  await settled({ disks: ['disk0'] })
  const other = { ...data, deletingAtMs: 1 }
  await edit(controller, data, () => other)
  throws(() => admitted(controller, machine, 'both'), { code: 'object/refused' })
  await edit(controller, kept, (now) => {
    const status = now.status as SnapshotDocument['status']
    return {
      ...now,
      status: { ...status, holds: [{ code: 'snapshot/unfit', facts: { what: 'pc-q35-2.0' } }] },
    }
  })
  throws(() => admitted(controller, machine, 'both'), { code: 'object/refused' })
  equal([...lab.world.guests.values()][0]?.pid, guest?.pid)
  await stop()
})
