/** What every hypervisor driver promises of a running guest's layers. The fake and the real ones obey the same. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  never,
  playOnOneGuest,
  refused,
  type LiveStage,
  type Promises,
  type StageWorld,
} from './contract-stage.ts'
import type { Body, DiskFile, FileLayer } from './port.ts'

/** `body()`: two disks, `disk0` and `disk1`. Places are numbers of clusters; words are short. */
export type LayersWorld = StageWorld & {
  /** An empty overlay that names the file it stands on. */
  newTop(under: string): Promise<FileLayer>
  /** An empty file as large as disk0, with nothing beneath it. */
  newTarget(): Promise<DiskFile>
  newMemoryFile(): Promise<string>
  /** Writes to a disk, through the guest or by the hypervisor's own means, and reads from it. */
  write(id: string, disk: string, place: number, word: string): Promise<void>
  read(id: string, disk: string, place: number): Promise<string>
  /** What one file itself holds at a place; an empty text when it leaves that to what it stands on. */
  layerHolds(file: string, place: number): Promise<string>
  isOpen(id: string, file: string): Promise<boolean>
  isThere(file: string): Promise<boolean>
  /** Something that only the guest's memory knows; undefined where no operating system can be told. */
  readonly mind:
    | { remember(id: string, word: string): Promise<void>; recall(id: string): Promise<string> }
    | undefined
  /** A body that goes on from memory, on fresh tops above the files as they were. */
  bodyFrom(memoryFile: string, under: Readonly<Record<string, string>>): Promise<Body>
}

type Stage = LiveStage<LayersWorld>

export function obeysLayersContract(name: string, make: () => Promise<LayersWorld>): void {
  playOnOneGuest<LayersWorld>(`the contract of live layers, by ${name}`, make, (promise, heeded) => {
    overlays(promise, heeded)
    jobs(promise, heeded)
    memory(promise, heeded)
  })
}

const fileOf = async ({ running }: Stage, disk: string) =>
  (await running()).disks.find(({ id }) => id === disk)?.file ?? ''

/** Puts a fresh top above disks; the files that they had. */
async function overlaid(stage: Stage, disks: readonly string[], memoryFile: string | null = null) {
  const under: Record<string, string> = {}
  const tops: { disk: string; top: FileLayer; keys: DiskFile['keys'] }[] = []
  for (const disk of disks) {
    const file = await fileOf(stage, disk)
    under[disk] = file
    tops.push({ disk, top: await stage.world.newTop(file), keys: {} })
  }
  const said = await stage.driver.layers.overlay(stage.id, tops, memoryFile, never)
  return { under, tops, ...said }
}

const overlays: Promises<LayersWorld> = (promise) => {
  promise('an overlay takes what is written from then on; what was stays beneath (I-29)', async (stage) => {
    const { world, id } = stage
    await world.write(id, 'disk0', 1, 'before')
    const { under, tops, pausedMs } = await overlaid(stage, ['disk0'])
    await world.write(id, 'disk0', 1, 'after')
    assert.ok(pausedMs >= 0)
    assert.equal(await fileOf(stage, 'disk0'), tops[0]?.top.file)
    assert.equal(await world.read(id, 'disk0', 1), 'after')
    assert.equal(await world.layerHolds(under.disk0 ?? '', 1), 'before')
  })

  promise('an overlay repeated does nothing', async (stage) => {
    const { driver, id, world } = stage
    const { tops } = await overlaid(stage, ['disk0', 'disk1'])
    await world.write(id, 'disk1', 1, 'kept')
    await driver.layers.overlay(id, tops, null, never)
    assert.equal(await fileOf(stage, 'disk0'), tops[0]?.top.file)
    assert.equal(await fileOf(stage, 'disk1'), tops[1]?.top.file)
    assert.equal(await world.read(id, 'disk1', 1), 'kept')
  })

  promise('all disks get their overlay or none does', async (stage) => {
    const { driver, id, world } = stage
    const file = await fileOf(stage, 'disk0')
    const top = await world.newTop(file)
    const tops = [
      { disk: 'disk0', top, keys: {} },
      { disk: 'disk9', top, keys: {} },
    ]
    await refused(driver.layers.overlay(id, tops, null, never))
    assert.equal(await fileOf(stage, 'disk0'), file)
  })
}

const jobs: Promises<LayersWorld> = (promise) => {
  promise('a merge gathers bit for bit while the guest writes, and tells how far it is', async (stage) => {
    const { driver, world, id } = stage
    const base = await fileOf(stage, 'disk0')
    const first = await overlaid(stage, ['disk0'])
    await world.write(id, 'disk0', 2, 'lower')
    const lower = first.tops[0]?.top.file ?? ''
    await overlaid(stage, ['disk0'])
    await world.write(id, 'disk0', 3, 'upper')
    const into = await fileOf(stage, 'disk0')
    const told: number[] = []
    const merging = driver.layers.merge(
      id,
      { disk: 'disk0', into, base },
      (fraction) => told.push(fraction),
      never,
    )
    await world.write(id, 'disk0', 4, 'meanwhile')
    await merging
    const words = await Promise.all([2, 3, 4].map((place) => world.read(id, 'disk0', place)))
    assert.deepEqual(words, ['lower', 'upper', 'meanwhile'])
    assert.equal(await world.layerHolds(into, 2), 'lower')
    assert.equal(await world.isOpen(id, lower), false)
    assert.ok(told.every((fraction, at) => fraction >= (told[at - 1] ?? 0) && fraction <= 1))
    await driver.layers.merge(id, { disk: 'disk0', into, base }, () => undefined, never)
  })

  promise('a merge that was stopped ends when it is asked for again (I-20)', async (stage) => {
    const { driver, world, id, open } = stage
    const base = await fileOf(stage, 'disk1')
    await overlaid(stage, ['disk1'])
    await world.write(id, 'disk1', 5, 'kept')
    await overlaid(stage, ['disk1'])
    const into = await fileOf(stage, 'disk1')
    const wish = { disk: 'disk1', into, base }
    const cut = new AbortController()
    const cutShort = driver.layers.merge(id, wish, () => cut.abort(), cut.signal).catch(() => undefined)
    await cutShort
    await (await open()).layers.merge(id, wish, () => undefined, never)
    assert.equal(await world.layerHolds(into, 5), 'kept')
  })

  promise('a mirror goes on in the other file with all that was written (I-11)', async (stage) => {
    const { driver, world, id } = stage
    await world.write(id, 'disk0', 6, 'old')
    const [from, target] = [await fileOf(stage, 'disk0'), await world.newTarget()]
    const mirroring = driver.layers.mirror(id, { disk: 'disk0', target }, () => undefined, never)
    await world.write(id, 'disk0', 7, 'meanwhile')
    await mirroring
    assert.equal(await fileOf(stage, 'disk0'), target.file)
    const words = await Promise.all([6, 7, 2].map((place) => world.read(id, 'disk0', place)))
    assert.deepEqual(words, ['old', 'meanwhile', 'lower'])
    assert.equal(await world.isOpen(id, from), false)
    assert.equal(await world.isThere(from), true)
    await driver.layers.mirror(id, { disk: 'disk0', target }, () => undefined, never)
    assert.equal(await fileOf(stage, 'disk0'), target.file)
  })

  promise('a mirror that is stopped leaves the disk where it was', async (stage) => {
    const { driver, world, id } = stage
    const [from, target] = [await fileOf(stage, 'disk0'), await world.newTarget()]
    const cut = new AbortController()
    const mirroring = driver.layers.mirror(id, { disk: 'disk0', target }, () => cut.abort(), cut.signal)
    const isDone = await mirroring.then(
      () => true,
      () => false,
    )
    assert.equal(await fileOf(stage, 'disk0'), isDone ? target.file : from)
    assert.equal(await world.read(id, 'disk0', 6), 'old')
    assert.equal(await world.isOpen(id, isDone ? from : target.file), false)
  })

  promise('without a guest each says guest/absent', async ({ driver, world }) => {
    const nobody = randomUUID()
    const target = await world.newTarget()
    const tops = [{ disk: 'disk0', top: target, keys: {} }]
    await refused(driver.layers.overlay(nobody, tops, null, never), 'guest/absent')
    const merge = { disk: 'disk0', into: target.file, base: null }
    await refused(
      driver.layers.merge(nobody, merge, () => undefined, never),
      'guest/absent',
    )
    await refused(
      driver.layers.mirror(nobody, { disk: 'disk0', target }, () => undefined, never),
      'guest/absent',
    )
  })
}

const memory: Promises<LayersWorld> = (promise) => {
  promise(
    'memory is kept with the disks of that very moment, and the guest goes on from there',
    async (stage) => {
      const { driver, world, id, until, body } = stage
      await world.mind?.remember(id, 'then')
      await world.write(id, 'disk0', 8, 'then')
      const file = await world.newMemoryFile()
      const { under } = await overlaid(stage, ['disk0', 'disk1'], file)
      await until(({ process }) => process === 'running')
      assert.equal(await world.isThere(file), true)
      await world.mind?.remember(id, 'now')
      await world.write(id, 'disk0', 8, 'now')
      await driver.kill(id, never)
      const from = await world.bodyFrom(file, under)
      const next = { ...from, spec: { ...from.spec, boot: body.spec.boot + 1, epoch: body.spec.epoch } }
      await driver.spawn(id, next, never)
      await until(({ process }) => process === 'running')
      assert.equal(await world.read(id, 'disk0', 8), 'then')
      if (world.mind !== undefined) assert.equal(await world.mind.recall(id), 'then')
    },
  )

  promise('memory that is not there starts nothing', async ({ driver, world, id, body }) => {
    await driver.kill(id, never)
    const from = await world.bodyFrom(`${await world.newMemoryFile()}-none`, {})
    const next = { ...from, spec: { ...from.spec, boot: body.spec.boot + 2, epoch: body.spec.epoch } }
    await refused(driver.spawn(id, next, never))
    assert.notEqual((await driver.observe(id)).process, 'running')
  })
}
