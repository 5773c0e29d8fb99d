/** What every hypervisor driver promises of a running guest's parts. The fake and the real ones obey the same. */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { ProblemCode } from '#model/problem.ts'
import {
  never,
  playOnOneGuest,
  refused,
  type LiveStage,
  type Promises,
  type StageWorld,
} from './contract-stage.ts'
import type { DiskFile, Plug } from './port.ts'

/**
 * `body()`: machine type q35 with one virtio disk `disk0`, no NIC, one empty drive `cdrom0`, 1 CPU of at most
 * 2, 128 MiB (or what the guest needs) with `memoryMaxMib` at least 128 more, a balloon.
 */
export type PartsWorld = StageWorld & {
  /** A further disk, empty, on virtio, ready to be opened by the guest. */
  newDisk(id: string, sizeBytes: number): Promise<DiskFile>
  newPlug(id: string): Promise<Plug>
  /** The file of a medium. */
  newMedium(): Promise<string>
  /** Whether any process of the guest has the file open. */
  isOpen(id: string, file: string): Promise<boolean>
  /** How many disks the guest's operating system sees; null where it cannot be asked. */
  seenInside(id: string): Promise<number | null>
  /** From now on the guest does not let go of a part; undefined where that cannot be had. */
  readonly cling: ((id: string, part: string) => Promise<void>) | undefined
}

type Stage = LiveStage<PartsWorld>

const mebibyte = 2 ** 20
const small = 16 * mebibyte

export function obeysPartsContract(name: string, make: () => Promise<PartsWorld>): void {
  playOnOneGuest<PartsWorld>(`the contract of live parts, by ${name}`, make, (promise, heeded) => {
    disks(promise, heeded)
    nics(promise, heeded)
    figures(promise, heeded)
    edges(promise, heeded)
  })
}

const diskIds = async ({ running }: Stage) => (await running()).disks.map(({ id }) => id).toSorted()
const nicIds = async ({ running }: Stage) => (await running()).nics.map(({ id }) => id).toSorted()

const disks: Promises<PartsWorld> = (promise, heeded) => {
  promise('a disk comes, with its file and its size; coming twice is coming once', async (stage) => {
    const { world, driver, id, running } = stage
    const disk = await world.newDisk('disk1', small)
    await driver.parts.attachDisk(id, disk, never)
    await driver.parts.attachDisk(id, disk, never)
    const seen = (await running()).disks.find((one) => one.id === 'disk1')
    assert.deepEqual([seen?.file, seen?.sizeBytes], [disk.file, small])
    assert.deepEqual(await diskIds(stage), ['disk0', 'disk1'])
    assert.equal(await world.isOpen(id, disk.file), true)
  })

  promise('another driver object sees the same parts (I-24)', async ({ open, id }) => {
    const again = await open()
    const { running } = await again.observe(id)
    assert.deepEqual(running?.disks.map((one) => one.id).toSorted(), ['disk0', 'disk1'])
  })

  promise('a disk grows while it runs, and only grows; growing twice is growing once', async (stage) => {
    const { driver, id, running } = stage
    await driver.parts.resizeDisk(id, 'disk1', 2 * small, never)
    await driver.parts.resizeDisk(id, 'disk1', 2 * small, never)
    const sizeOf = async () => (await running()).disks.find((one) => one.id === 'disk1')?.sizeBytes
    assert.equal(await sizeOf(), 2 * small)
    await refused(driver.parts.resizeDisk(id, 'disk1', small, never), 'guest/not-live', 'qmp/refused')
    assert.equal(await sizeOf(), 2 * small)
  })

  promise('bounds come and go, also of a disk that it was begun with', async ({ driver, id }) => {
    for (const disk of ['disk0', 'disk1']) {
      await driver.parts.limitDisk(id, disk, { iops: 100, mibPerSecond: 10 }, never)
      await driver.parts.limitDisk(id, disk, { iops: null, mibPerSecond: 20 }, never)
      await driver.parts.limitDisk(id, disk, { iops: null, mibPerSecond: null }, never)
    }
    await refused(driver.parts.limitDisk(id, 'disk9', { iops: 1, mibPerSecond: 1 }, never))
  })

  heeded('the operating system inside sees what comes', async ({ world, id }) => {
    const seen = await world.seenInside(id)
    assert.ok(seen === null || seen === 2, `it sees ${seen}`)
  })

  heeded('a disk goes, and with it its file; going twice is going once', async (stage) => {
    const { world, driver, id } = stage
    const file = (await stage.running()).disks.find((one) => one.id === 'disk1')?.file ?? ''
    await driver.parts.detachDisk(id, 'disk1', never)
    assert.deepEqual(await diskIds(stage), ['disk0'])
    assert.equal(await world.isOpen(id, file), false)
    await driver.parts.detachDisk(id, 'disk1', never)
    const seen = await world.seenInside(id)
    assert.ok(seen === null || seen === 1, `it sees ${seen}`)
  })

  heeded('the same name comes again with another file', async (stage) => {
    const { world, driver, id, running } = stage
    const other = await world.newDisk('disk1', small)
    await driver.parts.attachDisk(id, other, never)
    assert.equal((await running()).disks.find((one) => one.id === 'disk1')?.file, other.file)
    await driver.parts.detachDisk(id, 'disk1', never)
  })

  promise('a medium goes in and out of a drive', async ({ world, driver, id, running }) => {
    const file = await world.newMedium()
    const inside = async () => (await running()).cdroms.find((drive) => drive.id === 'cdrom0')?.file
    assert.equal(await inside(), null)
    await driver.parts.changeMedium(id, { id: 'cdrom0', file }, never)
    await driver.parts.changeMedium(id, { id: 'cdrom0', file }, never)
    assert.equal(await inside(), file)
    await driver.parts.changeMedium(id, { id: 'cdrom0', file: null }, never)
    assert.equal(await inside(), null)
    assert.equal(await world.isOpen(id, file), false)
  })
}

const nics: Promises<PartsWorld> = (promise, heeded) => {
  promise('a NIC comes, its link goes down and up', async (stage) => {
    const { world, driver, id, running } = stage
    const plug = await world.newPlug('net0')
    await driver.parts.attachNic(id, plug, never)
    await driver.parts.attachNic(id, plug, never)
    assert.deepEqual((await running()).nics, [{ id: 'net0', mac: plug.mac, isLinkUp: true }])
    for (const isLinkUp of [false, false, true]) {
      await driver.parts.setLink(id, 'net0', isLinkUp, never)
      assert.equal((await running()).nics[0]?.isLinkUp, isLinkUp)
    }
  })

  heeded('a NIC goes, and its name is free again', async (stage) => {
    const { world, driver, id } = stage
    await driver.parts.detachNic(id, 'net0', never)
    await driver.parts.detachNic(id, 'net0', never)
    assert.deepEqual(await nicIds(stage), [])
    await driver.parts.attachNic(id, { ...(await world.newPlug('net0')), isLinkUp: false }, never)
    assert.equal((await stage.running()).nics[0]?.isLinkUp, false)
    await driver.parts.detachNic(id, 'net0', never)
  })

  promise('two hot-plugs at once both arrive, and one asked for twice arrives once', async (stage) => {
    const { world, driver, id } = stage
    const [one, two] = [await world.newDisk('disk2', small), await world.newPlug('net1')]
    await Promise.all([
      driver.parts.attachDisk(id, one, never),
      driver.parts.attachNic(id, two, never),
      driver.parts.attachDisk(id, one, never),
    ])
    assert.ok((await diskIds(stage)).includes('disk2'))
    assert.ok((await nicIds(stage)).includes('net1'))
  })
}

const figures: Promises<PartsWorld> = (promise, heeded) => {
  promise('virtual CPUs come up to the bound and never go', async ({ driver, id, running, body }) => {
    const most = body.spec.shape.cpusMax ?? body.spec.cpus
    assert.equal((await running()).cpusMax, most)
    await driver.parts.setCpus(id, most, never)
    await driver.parts.setCpus(id, most, never)
    assert.equal((await running()).cpus, most)
    await refused(driver.parts.setCpus(id, most - 1, never), 'guest/not-live')
    await refused(driver.parts.setCpus(id, most + 1, never), 'guest/not-live')
    assert.equal((await running()).cpus, most)
  })

  heeded('memory grows within its bounds, and goes as far as the guest lets go', async (stage) => {
    const { driver, id, running, until, body } = stage
    const [least, most] = [body.spec.memoryMib, (await running()).memoryMaxMib]
    await driver.parts.setMemory(id, most, never)
    await until(({ running: now }) => now?.memoryMib === most)
    await driver.parts.setMemory(id, least, never)
    await until(({ running: now }) => (now?.memoryMib ?? most) < most)
    await refused(driver.parts.setMemory(id, most + 128, never), 'guest/not-live')
    await refused(driver.parts.setMemory(id, least - 16, never), 'guest/not-live')
  })

  heeded('the balloon takes memory and gives it back', async ({ driver, id, running, until }) => {
    const { memoryMib } = await running()
    await driver.parts.setBalloon(id, memoryMib - 16, never)
    await until(({ running: now }) => (now?.balloonMib ?? memoryMib) <= memoryMib - 16)
    await driver.parts.setBalloon(id, memoryMib, never)
    await until(({ running: now }) => (now?.balloonMib ?? 0) >= memoryMib)
  })
}

const edges: Promises<PartsWorld> = (promise, heeded) => {
  promise('what was begun by one that died is ended by the next (I-20)', async (stage) => {
    const { world, open, driver, id } = stage
    const disk = await world.newDisk('disk3', small)
    const dying = await open()
    const cut = new AbortController()
    const begun = dying.parts.attachDisk(id, disk, cut.signal).catch(() => undefined)
    cut.abort()
    await begun
    await driver.parts.attachDisk(id, disk, never)
    assert.equal((await diskIds(stage)).filter((one) => one === 'disk3').length, 1)
  })

  promise('when every slot is taken it says so, and what is there stays', async (stage) => {
    const { world, driver, id } = stage
    const came: string[] = []
    const fill = async () => {
      for (let at = 10; at < 42; at += 1) {
        const disk = await world.newDisk(`disk${at}`, small)
        await driver.parts.attachDisk(id, disk, never)
        came.push(disk.id)
      }
    }
    await refused(fill(), 'guest/no-slot')
    const seen = await diskIds(stage)
    assert.ok(came.every((one) => seen.includes(one)))
    assert.equal((await driver.observe(id)).process, 'running')
    if (!stage.isCooperative || came[0] === undefined) return
    await driver.parts.detachDisk(id, came[0], never)
    await driver.parts.attachDisk(id, await world.newDisk('disk50', small), never)
  })

  heeded('what the guest clings to is said so, and stays open and seen (I-01)', async (stage) => {
    const { world, driver, id, running } = stage
    if (world.cling === undefined) return
    const file = (await running()).disks.find((one) => one.id === 'disk2')?.file ?? ''
    await world.cling(id, 'disk2')
    await refused(driver.parts.detachDisk(id, 'disk2', never), 'guest/clings')
    assert.ok((await diskIds(stage)).includes('disk2'))
    assert.equal(await world.isOpen(id, file), true)
  })

  promise('an aborted signal stops work before it begins', async (stage) => {
    const { world, driver, id } = stage
    await assert.rejects(
      driver.parts.attachDisk(id, await world.newDisk('disk60', small), AbortSignal.abort()),
    )
    assert.ok(!(await diskIds(stage)).includes('disk60'))
  })

  promise('without a guest each says guest/absent', async ({ world, driver }) => {
    const nobody = randomUUID()
    const code: ProblemCode = 'guest/absent'
    await refused(driver.parts.attachDisk(nobody, await world.newDisk('disk1', small), never), code)
    await refused(driver.parts.detachDisk(nobody, 'disk1', never), code)
    await refused(driver.parts.attachNic(nobody, await world.newPlug('net0'), never), code)
    await refused(driver.parts.detachNic(nobody, 'net0', never), code)
    await refused(driver.parts.setLink(nobody, 'net0', true, never), code)
    await refused(driver.parts.setCpus(nobody, 1, never), code)
    await refused(driver.parts.setMemory(nobody, 128, never), code)
    await refused(driver.parts.setBalloon(nobody, 128, never), code)
    await refused(driver.parts.changeMedium(nobody, { id: 'cdrom0', file: null }, never), code)
  })
}
