/** What every datastore proves of layers: snapshots, reverts, merges and clones never lose other content (I-29). */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { Problem } from '#model/problem.ts'
import type { Datastore, DiskChain } from './port.ts'

/** A datastore whose disks the test can write to and read from, as a guest would. */
export type LayersRig = {
  readonly datastore: Datastore
  reopen(): Promise<Datastore>
  /** Writes one block into the chain's top. */
  write(chain: DiskChain, block: number, value: number): Promise<void>
  /** What a chain shows in each of its first blocks. */
  read(chain: DiskChain, blocks: number): Promise<readonly number[]>
  /** Writes a file as a hypervisor would. */
  keep(file: string): Promise<void>
  /** Whether files of this name are still there. */
  has(file: string): Promise<boolean>
  /** Clones and reverts share blocks with their layers beneath all files: they stand on nothing. */
  readonly clonesStandAlone?: boolean
  dispose(): Promise<void>
}

export const blockBytes = 65_536
const blocks = 8
const sizeBytes = blocks * blockBytes
const never = new AbortController().signal
const plain = { key: null, keys: {} }

type Promised = (title: string, prove: (rig: LayersRig) => Promise<void>) => void

export function obeysLayersContract(name: string, make: (t: TestContext) => Promise<LayersRig>) {
  const promise: Promised = (title, prove) =>
    test(`datastore ${name}: ${title}`, async (t) => {
      const rig = await make(t)
      t.after(() => rig.dispose())
      await prove(rig)
    })
  for (const prove of [snapshotPromises, mergePromises, clonePromises, movingPromises]) prove(promise)
}

/** A volume with a snapshot for each value: before the n-th, block n-1 (and block 7) held value n. */
export async function tower(
  { datastore, write }: LayersRig,
  values: readonly number[],
  format: 'qcow2' | 'raw' = 'qcow2',
) {
  const volume = randomUUID()
  const snapshots: string[] = []
  await datastore.create(volume, { format, sizeBytes, image: null }, never)
  for (const [at, value] of values.entries()) {
    const chain = await datastore.open(volume, null)
    await write(chain, at, value)
    await write(chain, blocks - 1, value)
    const snapshot = randomUUID()
    await snap(datastore, volume, snapshot)
    snapshots.push(snapshot)
  }
  return { volume, snapshots }
}

export async function snap(datastore: Datastore, volume: string, snapshot: string) {
  const top = await datastore.prepareTop(volume, { snapshot, ownerUid: null, ...plain }, never)
  await datastore.raiseTop(volume, snapshot)
  return top
}

const mergeAll = async (datastore: Datastore, volume: string) => {
  for (let left = 32; (await datastore.observe(volume)).merge !== null; left--) {
    assert.ok(left > 0, 'merging ends')
    await datastore.merge(volume, {}, never)
  }
}

const shows = async ({ datastore, read }: LayersRig, volume: string, snapshot: string | null) =>
  await read(
    snapshot === null ? await datastore.open(volume, null) : await datastore.layer(volume, snapshot),
    blocks,
  )

const after = (values: readonly number[]) =>
  Array.from({ length: blocks }, (_, at) => (at === blocks - 1 ? (values.at(-1) ?? 0) : (values[at] ?? 0)))

const isRefused = (error: unknown) => error instanceof Problem && error.code === 'datastore/failed'

function snapshotPromises(promise: Promised) {
  for (const format of ['qcow2', 'raw'] as const)
    promise(
      `I-29 each snapshot of a ${format} volume shows its moment, whatever is written later`,
      async (rig) => {
        const { volume, snapshots } = await tower(rig, [1, 2, 3], format)
        await rig.write(await rig.datastore.open(volume, null), 0, 9)
        for (const [at, snapshot] of snapshots.entries())
          assert.deepEqual(await shows(rig, volume, snapshot), after([1, 2, 3].slice(0, at + 1)))
        assert.equal((await shows(rig, volume, null))[0], 9)
        const sight = await rig.datastore.observe(volume)
        assert.deepEqual([sight.layers, sight.snapshots.toSorted()], [3, snapshots.toSorted()])
      },
    )

  promise(
    'I-20 a prepared top is not in use, is the same when asked again, and outlives a restart',
    async (rig) => {
      const { volume } = await tower(rig, [1])
      const before = await rig.datastore.open(volume, null)
      const wish = { snapshot: randomUUID(), ownerUid: null, ...plain }
      const top = await rig.datastore.prepareTop(volume, wish, never)
      const datastore = await rig.reopen()
      assert.deepEqual(await datastore.prepareTop(volume, wish, never), top)
      const sight = await datastore.observe(volume)
      assert.deepEqual(sight.next, { snapshot: wish.snapshot, file: top.file })
      await assert.rejects(
        datastore.prepareTop(volume, { ...wish, snapshot: randomUUID() }, never),
        isRefused,
      )
      await datastore.lowerTop(volume, wish.snapshot)
      assert.equal(await rig.has(top.file), false)
      assert.deepEqual(await datastore.open(volume, null), before)
    },
  )

  promise(
    'I-29 opened with a prepared top, the guest goes on there: it may have written to it',
    async (rig) => {
      const { volume } = await tower(rig, [1])
      const wish = { snapshot: randomUUID(), ownerUid: null, ...plain }
      const top = await rig.datastore.prepareTop(volume, wish, never)
      const opened = await rig.datastore.open(volume, null)
      assert.equal(opened.file, top.file)
      await rig.datastore.raiseTop(volume, wish.snapshot)
      await rig.write(opened, 0, 5)
      assert.equal((await shows(rig, volume, wish.snapshot))[0], 1)
      assert.equal((await shows(rig, volume, null))[0], 5)
    },
  )

  promise(
    'I-29 a revert shows the snapshot again and leaves every other one; repeated, does nothing',
    async (rig) => {
      const { volume, snapshots } = await tower(rig, [1, 2, 3])
      const [first = '', , third = ''] = snapshots
      await rig.datastore.revert(volume, { snapshot: first, at: 1, ...plain }, never)
      assert.deepEqual(await shows(rig, volume, null), after([1]))
      await rig.write(await rig.datastore.open(volume, null), 0, 7)
      const datastore = await rig.reopen()
      const later = { ...rig, datastore }
      await datastore.revert(volume, { snapshot: first, at: 1, ...plain }, never)
      assert.equal((await shows(later, volume, null))[0], 7)
      assert.deepEqual((await datastore.observe(volume)).reverted, { snapshot: first, at: 1 })
      assert.deepEqual(await shows(later, volume, third), after([1, 2, 3]))
      await datastore.revert(volume, { snapshot: third, at: 2, ...plain }, never)
      assert.deepEqual(await shows(later, volume, null), after([1, 2, 3]))
      await assert.rejects(
        datastore.revert(volume, { snapshot: randomUUID(), at: 3, ...plain }, never),
        isRefused,
      )
    },
  )
}

function mergePromises(promise: Promised) {
  promise('I-29 a layer in the middle goes; what it held moves into the one above it', async (rig) => {
    const { volume, snapshots } = await tower(rig, [1, 2, 3, 4])
    const [first = '', second = '', third = '', fourth = ''] = snapshots
    await rig.datastore.dropLayer(volume, second)
    const { merge } = await rig.datastore.observe(volume)
    assert.equal(merge?.isTop, false)
    await mergeAll(rig.datastore, volume)
    assert.equal(await rig.has(merge?.gone ?? ''), false)
    assert.deepEqual(await shows(rig, volume, first), after([1]))
    assert.deepEqual(await shows(rig, volume, third), after([1, 2, 3]))
    assert.deepEqual(await shows(rig, volume, fourth), after([1, 2, 3, 4]))
    assert.deepEqual(await shows(rig, volume, null), after([1, 2, 3, 4]))
  })

  promise('I-29 the last layer goes into the top, also told as done by a guest', async (rig) => {
    const { volume, snapshots } = await tower(rig, [1, 2])
    const [first = '', second = ''] = snapshots
    await rig.write(await rig.datastore.open(volume, null), 5, 5)
    await rig.datastore.dropLayer(volume, second)
    const { merge } = await rig.datastore.observe(volume)
    assert.equal(merge?.isTop, true)
    await rig.datastore.merge(volume, {}, never)
    const datastore = await rig.reopen()
    await datastore.dropLayer(volume, first)
    await mergeAll(datastore, volume)
    const wanted = after([1, 2]).with(5, 5)
    assert.deepEqual(await shows({ ...rig, datastore }, volume, null), wanted)
    assert.deepEqual((await datastore.observe(volume)).layers, 0)
  })

  promise('a layer on which several stand stays, hidden, until one is left', async (rig) => {
    const { volume, snapshots } = await tower(rig, [1, 2])
    const [first = '', second = ''] = snapshots
    await rig.datastore.revert(volume, { snapshot: first, at: 1, ...plain }, never)
    await rig.datastore.dropLayer(volume, first)
    if (rig.clonesStandAlone !== true) assert.equal((await rig.datastore.observe(volume)).merge, null)
    assert.deepEqual(await shows(rig, volume, null), after([1]))
    await rig.datastore.dropLayer(volume, second)
    await mergeAll(rig.datastore, volume)
    assert.deepEqual(await shows(rig, volume, null), after([1]))
    assert.equal((await rig.datastore.observe(volume)).layers, 0)
  })
}

function clonePromises(promise: Promised) {
  for (const isLinked of [true, false])
    promise(
      `a ${isLinked ? 'linked' : 'full'} clone of a layer lives on its own, also when its origin is removed`,
      async (rig) => {
        const { datastore } = rig
        const { volume, snapshots } = await tower(rig, [1, 2])
        const [first = ''] = snapshots
        const clone = randomUUID()
        const layer = { volume, snapshot: first }
        await datastore.create(
          clone,
          { format: 'qcow2', sizeBytes: null, image: null, layer, isLinked },
          never,
        )
        assert.deepEqual(await shows(rig, clone, null), after([1]))
        await rig.write(await datastore.open(clone, null), 3, 8)
        assert.deepEqual(await shows(rig, volume, first), after([1]))
        await datastore.remove(volume, never)
        assert.equal((await datastore.observe(volume)).state, 'absent')
        assert.deepEqual(await datastore.volumes(), [clone])
        assert.deepEqual(
          await shows({ ...rig, datastore: await rig.reopen() }, clone, null),
          after([1]).with(3, 8),
        )
        const files = [await datastore.open(clone, null)].flatMap((chain) => [chain, ...chain.backing])
        assert.equal(files.length, isLinked && rig.clonesStandAlone !== true ? 2 : 1)
        await datastore.remove(clone, never)
        for (const { file } of files) assert.equal(await rig.has(file), false)
      },
    )

  promise('a layer on which a clone stands goes with the last clone', async (rig) => {
    const { datastore } = rig
    const { volume, snapshots } = await tower(rig, [1, 2])
    const [first = '', second = ''] = snapshots
    const clone = randomUUID()
    const layer = { volume, snapshot: first }
    await datastore.create(clone, { format: 'qcow2', sizeBytes: null, image: null, layer }, never)
    await datastore.dropLayer(volume, first)
    await mergeAll(datastore, volume)
    assert.deepEqual(await shows(rig, clone, null), after([1]))
    await datastore.remove(clone, never)
    await mergeAll(datastore, volume)
    assert.equal((await datastore.observe(volume)).layers, 1)
    assert.deepEqual(await shows(rig, volume, second), after([1, 2]))
  })
}

function movingPromises(promise: Promised) {
  promise('a whole content is copied from anywhere, layers and all', async (rig) => {
    const { datastore } = rig
    const { volume } = await tower(rig, [1, 2])
    for (const format of ['qcow2', 'raw'] as const) {
      const copy = randomUUID()
      const content = await datastore.open(volume, null)
      await datastore.create(copy, { format, sizeBytes: null, image: null, content }, never)
      assert.deepEqual(await shows(rig, copy, null), after([1, 2]))
      assert.deepEqual((await datastore.open(copy, null)).backing, [])
    }
  })

  promise('what still arrives is not ready until that is said', async (rig) => {
    const volume = randomUUID()
    const wish = { format: 'qcow2', sizeBytes, image: null, isArriving: true } as const
    await rig.datastore.create(volume, wish, never)
    assert.equal((await rig.datastore.observe(volume)).state, 'creating')
    const datastore = await rig.reopen()
    assert.equal((await datastore.observe(volume)).isArriving, true)
    for (const _ of [1, 2]) await datastore.arrived(volume)
    assert.equal((await datastore.observe(volume)).state, 'ready')
  })

  promise('I-20 memory is whole or not there', async ({ datastore, reopen, keep }) => {
    const [snapshot, cut] = [randomUUID(), randomUUID()]
    await keep(`${await datastore.memoryPlace(cut)}.part`)
    assert.equal(await datastore.memory(cut), null)
    await keep(await datastore.memoryPlace(snapshot))
    const again = await reopen()
    assert.ok(((await again.memory(snapshot))?.bytes ?? 0) > 0)
    assert.equal(await again.memory(cut), null)
    for (const _ of [1, 2]) await again.removeMemory(snapshot)
    assert.equal(await again.memory(snapshot), null)
  })
}
