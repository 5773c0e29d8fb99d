/** The fake obeys the contracts of live changes, layers and the agent inside. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { limits } from '#model/limits.ts'
import { obeysAgentContract } from '../contract-agent.ts'
import { obeysLayersContract } from '../contract-layers.ts'
import { obeysPartsContract } from '../contract-parts.ts'
import type { Hypervisor } from '../port.ts'
import { bodyOf, diskOf, hurriedClock, layerOf, plugOf } from './fixtures.ts'
import { openFake } from './open.ts'
import { FakeWorld } from './world.ts'

const never = new AbortController().signal

function staged() {
  const clock = hurriedClock()
  const world = new FakeWorld(clock)
  let last: Hypervisor | undefined
  let files = 0
  const isOpen = (id: string, file: string) => {
    const { shape } = world.live(id)
    const open = [...shape.disks.flatMap(({ chain }) => chain), ...shape.cdroms]
    return Promise.resolve(open.some((one) => one.file === file))
  }
  return {
    world,
    base: {
      clock,
      open: async () => (last = openFake(world)),
      cooperates: async (id: string) => {
        while ((await last?.observe(id))?.wordSeenAtMs === null) await clock.sleep(50)
        return true
      },
      isOpen,
      close: async () => undefined,
    },
    newFile: (name: string) => `/fake/${name}-${(files += 1)}`,
  }
}

const shapely = { cpusMax: 2, memoryMaxMib: 512 }

obeysPartsContract('the fake', async () => {
  const { world, base, newFile } = staged()
  return {
    ...base,
    body: async () => {
      const { spec } = bodyOf()
      return bodyOf(
        { shape: { ...spec.shape, ...shapely } },
        { disks: [diskOf('disk0', newFile('disk0'))], cdroms: [{ id: 'cdrom0', file: null }] },
      )
    },
    newDisk: async (id, sizeBytes) => {
      const disk = diskOf(id, newFile(id))
      world.sizes.set(disk.file, sizeBytes)
      return disk
    },
    newPlug: async (id) => plugOf(id),
    newMedium: async () => newFile('medium'),
    seenInside: async (id) => world.live(id).shape.disks.length,
    cling: async (id, part) => void world.clings.set(`${id}/${part}`, 'ever'),
  }
})

obeysLayersContract('the fake', async () => {
  const { world, base, newFile } = staged()
  const made = new Set<string>()
  const make = (name: string) => {
    const file = newFile(name)
    made.add(file)
    return file
  }
  const disks = () => ['disk0', 'disk1'].map((id) => diskOf(id, make(id)))
  return {
    ...base,
    body: async () => bodyOf({}, { disks: disks() }),
    newTop: async () => layerOf(make('top')),
    newTarget: async () => diskOf('disk0', make('target')),
    newMemoryFile: async () => newFile('memory'),
    write: async (id, disk, place, word) => world.write(id, disk, `${place}`, word),
    read: async (id, disk, place) => world.read(id, disk, `${place}`) ?? '',
    layerHolds: async (file, place) => world.contents.has(file, `${place}`) ?? '',
    isThere: async (file) => made.has(file) || world.memories.has(file),
    mind: {
      remember: async (id, word) => void (world.live(id).memory = word),
      recall: async (id) => world.live(id).memory,
    },
    bodyFrom: async (memoryFile, under) =>
      bodyOf(
        {},
        {
          memoryFile,
          disks: Object.entries(under).map(([id, file]) => ({
            ...diskOf(id, make(`again-${id}`)),
            backing: [layerOf(file)],
          })),
        },
      ),
  }
})

obeysAgentContract('the fake', async () => {
  const { world, base } = staged()
  return {
    ...base,
    body: async () => bodyOf(),
    isFrozen: async (id) => world.live(id).frozenAtMs !== null,
    behave: async (id, mood) => void world.moods.set(id, mood),
  }
})

describe('the fake guest', () => {
  it('lets go later although nobody waits any more', async () => {
    const { world, base } = staged()
    const driver = await base.open()
    await driver.spawn('g', bodyOf({}, { disks: [diskOf('disk0', '/a')] }), never)
    await driver.parts.attachDisk('g', diskOf('disk1', '/b'), never)
    world.clings.set('g/disk1', limits.detachMs + 5_000)
    await assert.rejects(driver.parts.detachDisk('g', 'disk1', never), { code: 'guest/clings' })
    await base.clock.sleep(10_000)
    assert.deepEqual(
      (await driver.observe('g')).running?.disks.map(({ id }) => id),
      ['disk0'],
    )
  })

  it('is held still by its watchdog until somebody lets it go on', async () => {
    const { world, base } = staged()
    const driver = await base.open()
    await driver.spawn('g', bodyOf(), never)
    world.bite('g')
    assert.equal((await driver.observe('g')).isWatchdogStopped, true)
    await driver.resume('g', never)
    assert.equal((await driver.observe('g')).isWatchdogStopped, false)
  })
})
