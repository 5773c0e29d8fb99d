/** Snapshots, reverts, clones and keys through both programs, on fakes. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { shown, write } from '#drivers/datastore/fake/disk.ts'
import type { MachineDocument, MachineSpec } from '#kinds/machine/schema.ts'
import type { SnapshotDocument } from '#kinds/snapshot/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { Document } from '#model/document.ts'
import { memoryDisk } from '#drivers/store/memory/store.ts'
import { create, edit, state, together, until, wished } from './bench.ts'

type Lab = Awaited<ReturnType<typeof together>>

async function running() {
  const lab = await together()
  const controller = await lab.startController()
  const agent = await lab.startAgent()
  await create(controller, wished('image', 'small', { source: 'starter' }))
  const machine = await create(controller, wished('machine', 'web', { image: 'small', memoryMib: 64 }))
  await until(controller, machine, (seen) => state(seen) === 'running')
  return { lab, controller, agent, machine }
}

const standing = (document: Document | undefined) =>
  (document as MachineDocument | undefined)?.status.snapshot

/** What a volume's top shows in a block. */
const top = ({ disk }: Lab, volume: string) => {
  const node = disk.volumes.get(volume)?.strata.top ?? ''
  return (block: number) => shown(disk, volume, node, block)
}

const deleting = (document: Document) => ({ ...document, deletingAtMs: Date.now() })

test('snapshots of a running machine stand in a tree; a revert goes back, deletions leave nothing (I-29)', async () => {
  const { lab, controller, agent, machine } = await running()
  const [volume = ''] = lab.disk.volumes.keys()
  const take = async (name: string) => {
    const made = await create(controller, wished('snapshot', name, { machine: 'web', freeze: 'never' }))
    await until(controller, made, (seen) => state(seen) === 'ready')
    await until(controller, machine, (seen) => standing(seen) === name)
    return made
  }
  write(lab.disk, volume, 1, 11)
  const first = await take('first')
  write(lab.disk, volume, 1, 22)
  const second = await take('second')
  write(lab.disk, volume, 1, 33)
  const parentOf = (document: Document) =>
    (controller.desk.replica.get('snapshot', document.id)?.document as SnapshotDocument | undefined)?.status
      .parent
  deepEqual([parentOf(first), parentOf(second)], [null, 'first'])
  equal(top(lab, volume)(1), 33)
  await edit(controller, machine, (document) => ({
    ...document,
    spec: { ...(document.spec as object), revert: { snapshot: 'first', at: 1 } },
  }))
  const back = await until(
    controller,
    machine,
    (seen) => (seen as MachineDocument).status.revertedAt === 1 && state(seen) === 'running',
  )
  equal(standing(back), 'first')
  equal(top(lab, volume)(1), 11)
  const third = await take('third')
  equal(parentOf(third), 'first')
  for (const each of [first, second, third]) {
    await edit(controller, each, deleting)
    await until(controller, each, (seen) => seen === undefined)
  }
  const seen = wished('volume', 'x', {})
  await until(
    controller,
    { ...seen, id: volume },
    (now) => (now as VolumeDocument | undefined)?.status.layers === 0,
  )
  equal(top(lab, volume)(1), 11)
  deepEqual(lab.notebook.keys('snapshot'), [])
  await edit(controller, machine, deleting)
  await until(controller, machine, (now) => now === undefined)
  deepEqual([...lab.disk.volumes.keys(), ...lab.disk.remains.keys()], [])
  await agent.stop()
  await controller.stop()
})

test('a machine that is deleted takes its snapshots with it; a linked clone of one lives on', async () => {
  const { lab, controller, agent, machine } = await running()
  const [volume = ''] = lab.disk.volumes.keys()
  write(lab.disk, volume, 2, 7)
  const snapshot = await create(controller, wished('snapshot', 'base', { machine: 'web', withMemory: true }))
  const taken = await until(controller, snapshot, (seen) => state(seen) === 'ready')
  ok(taken !== undefined)
  const clone = await create(controller, wished('volume', 'copy', { snapshot: 'base' }))
  await until(controller, clone, (seen) => state(seen) === 'ready')
  await edit(controller, machine, deleting)
  await until(controller, machine, (seen) => seen === undefined)
  await until(controller, snapshot, (seen) => seen === undefined)
  equal(top(lab, clone.id)(2), 7)
  deepEqual([...lab.disk.volumes.keys()], [clone.id])
  equal(lab.disk.memories.size, 0)
  await edit(controller, clone, deleting)
  await until(controller, clone, (seen) => seen === undefined)
  deepEqual([...lab.disk.remains.keys()], [])
  await agent.stop()
  await controller.stop()
})

test('I-20 controller and agent killed while a snapshot is taken: it is taken once', async () => {
  const { lab, controller, agent } = await running()
  const snapshot = await create(controller, wished('snapshot', 'base', { machine: 'web', freeze: 'never' }))
  await agent.stop()
  await controller.stop()
  const again = await lab.startController()
  const second = await lab.startAgent()
  await until(again, snapshot, (seen) => state(seen) === 'ready')
  const [volume] = lab.disk.volumes.values()
  equal(Object.keys(volume?.strata.nodes ?? {}).length, 2)
  await second.stop()
  await again.stop()
})

test('I-45 the key of an encrypted volume reaches its host and nothing that people read', async () => {
  const { lab, controller, agent, machine } = await running()
  const volume = await create(controller, wished('volume', 'safe', { sizeMib: 4, isEncrypted: true }))
  await until(controller, volume, (seen) => state(seen) === 'ready')
  const wish = JSON.stringify(lab.notebook.get(`wish/volume/${volume.id}`))
  const key =
    (JSON.parse(wish) as { document: { keys: Record<string, string> } }).document.keys[volume.id] ?? ''
  ok(key.length >= 43)
  equal(lab.disk.volumes.get(volume.id)?.strata.nodes.disk?.key, volume.id)
  const stored = await controller.desk.store.snapshot()
  ok(stored.entries.some(({ kind }) => kind === 'volume-key'))
  ok(!JSON.stringify(stored).includes(key))
  const use = wished('machine', 'x', { disks: [{ name: 'safe', volume: 'safe' }] }).spec as MachineSpec
  await edit(controller, machine, (now) => ({ ...now, spec: { ...(now.spec as object), disks: use.disks } }))
  const hasIt = () => [...lab.world.guests.values()].some(({ shape }) => shape.disks.length === 2)
  await until(controller, machine, hasIt)
  for (const { kind, id, value } of (await controller.desk.store.snapshot()).entries)
    ok(!JSON.stringify(value).includes(key), `${kind} ${id}`)
  for (const { document } of controller.desk.replica.all('volume'))
    ok(!JSON.stringify(document).includes(key))
  for (const note of lab.notebook.keys('guest')) ok(!JSON.stringify(lab.notebook.get(note)).includes(key))
  ok(![...lab.world.guests.values()].some(({ log, detail }) => `${log}${detail}`.includes(key)))
  await agent.stop()
  await controller.stop()
})

test('I-22 I-45 after a lost store the sealed key comes back from the host, and nobody is shown it', async () => {
  const { lab, controller, agent } = await running()
  const volume = await create(controller, wished('volume', 'safe', { sizeMib: 4, isEncrypted: true }))
  await until(controller, volume, (seen) => state(seen) === 'ready')
  const keyOf = () => {
    const wish = JSON.stringify(lab.notebook.get(`wish/volume/${volume.id}`))
    return (JSON.parse(wish) as { document: { keys: Record<string, string> } }).document.keys[volume.id] ?? ''
  }
  const key = keyOf()
  ok(key.length >= 43)
  await controller.stop()
  lab.storeDisk.now = memoryDisk()
  const again = await lab.startController()
  const strays = (document: Document | undefined) =>
    (document?.status as { unclaimed?: readonly unknown[] } | undefined)?.unclaimed?.length ?? 0
  while (again.desk.replica.find('host', null, 'h1') === undefined)
    await new Promise((resolve) => setTimeout(resolve, 5))
  const host = again.desk.replica.find('host', null, 'h1')?.document as Document
  await until(again, host, (seen) => strays(seen) > 0)
  await again.desk.act('adopt', host, {})
  await until(again, volume, (seen) => state(seen) === 'ready')
  const stored = await again.desk.store.snapshot()
  ok(stored.entries.some(({ kind, id }) => kind === 'volume-key' && id === volume.id))
  ok(!JSON.stringify(stored).includes(key))
  equal(keyOf(), key)
  await agent.stop()
  await again.stop()
})
