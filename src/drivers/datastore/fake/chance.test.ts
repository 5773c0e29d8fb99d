/** By chance: trees of snapshots, reverts, deletions, clones and merges, with kills at any step, keep every other content (I-29, I-20). */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Datastore } from '../port.ts'
import { FakeDatastore } from './datastore.ts'
import { newFakeDisk, shown, write, type FakeDisk } from './disk.ts'

const never = new AbortController().signal
const plain = { key: null, keys: {} }
const blocks = [0, 1, 2, 3]

const act = fc.record({
  what: fc.constantFrom('write', 'snapshot', 'revert', 'drop', 'clone', 'merge', 'remove'),
  volume: fc.nat(),
  snapshot: fc.nat(),
  block: fc.constantFrom(...blocks),
  value: fc.integer({ min: 1, max: 9 }),
  /** At which effect the program dies; -1: it lives. */
  deathAt: fc.integer({ min: -6, max: 2 }),
})
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

type Content = readonly number[]
type Model = {
  readonly tops: Map<string, number[]>
  readonly layers: Map<string, { readonly volume: string; readonly content: Content }>
}

const idOf = (n: number) => `10000000-0000-4000-8000-${String(n).padStart(12, '0')}`

const looked = (disk: FakeDisk, volume: string, node: string): Content =>
  blocks.map((block) => shown(disk, volume, node, block))

const pick = <T>(all: readonly T[], at: number): T | undefined => all[at % Math.max(1, all.length)]

class Dead extends Error {}

/** Does it, dying where it is told to, and then does it again as the next life would. */
async function twice(disk: FakeDisk, deathAt: number, work: (datastore: Datastore) => Promise<void>) {
  let effects = 0
  disk.fault = () => {
    if (effects++ === deathAt) throw new Dead()
  }
  await work(new FakeDatastore(disk)).catch((error: unknown) => {
    if (!(error instanceof Dead)) throw error
  })
  disk.fault = undefined
  await work(new FakeDatastore(disk))
}

async function play(disk: FakeDisk, model: Model, { what, ...on }: Act, nth: number) {
  const volume = pick([...model.tops.keys()], on.volume)
  const snapshot = pick([...model.layers.keys()], on.snapshot)
  const layer = snapshot === undefined ? undefined : model.layers.get(snapshot)
  const does = (work: (datastore: Datastore) => Promise<void>) => twice(disk, on.deathAt, work)
  if (what === 'write' && volume !== undefined) {
    write(disk, volume, on.block, on.value)
    const top = model.tops.get(volume) ?? []
    top[on.block] = on.value
  } else if (what === 'snapshot' && volume !== undefined) {
    const made = idOf(1000 + nth)
    await does(async (datastore) => {
      await datastore.prepareTop(volume, { snapshot: made, ownerUid: null, ...plain }, never)
      await datastore.raiseTop(volume, made)
    })
    model.layers.set(made, { volume, content: [...(model.tops.get(volume) ?? [])] })
  } else if (what === 'revert' && layer !== undefined && snapshot !== undefined) {
    await does((datastore) => datastore.revert(layer.volume, { snapshot, at: nth, ...plain }, never))
    model.tops.set(layer.volume, [...layer.content])
  } else if (what === 'drop' && layer !== undefined && snapshot !== undefined) {
    await does((datastore) => datastore.dropLayer(layer.volume, snapshot))
    model.layers.delete(snapshot)
  } else if (what === 'clone' && layer !== undefined && snapshot !== undefined) {
    const wish = {
      format: 'qcow2',
      sizeBytes: null,
      image: null,
      layer: { volume: layer.volume, snapshot },
      isLinked: on.value > 3,
    } as const
    await does((datastore) => datastore.create(idOf(nth), wish, never))
    model.tops.set(idOf(nth), [...layer.content])
  } else if (what === 'merge' && volume !== undefined) {
    await does((datastore) => datastore.merge(volume, {}, never))
  } else if (what === 'remove' && volume !== undefined && model.tops.size > 1) {
    await does((datastore) => datastore.remove(volume, never))
    model.tops.delete(volume)
    for (const [id, each] of model.layers) if (each.volume === volume) model.layers.delete(id)
  }
}

function check(disk: FakeDisk, { tops, layers }: Model) {
  for (const [volume, content] of tops)
    assert.deepEqual(looked(disk, volume, disk.volumes.get(volume)?.strata.top ?? ''), content)
  for (const [snapshot, { volume, content }] of layers)
    assert.deepEqual(looked(disk, volume, disk.volumes.get(volume)?.strata.layers[snapshot] ?? ''), content)
}

test('I-29 I-20 whatever is snapshotted, reverted, cloned, merged and deleted, and wherever it dies, all else keeps its content', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 40 }), async (acts) => {
      const disk = newFakeDisk()
      const model: Model = { tops: new Map(), layers: new Map() }
      const first = { format: 'qcow2', sizeBytes: 4, image: null } as const
      await new FakeDatastore(disk).create(idOf(0), first, never)
      model.tops.set(idOf(0), [0, 0, 0, 0])
      for (const [nth, each] of acts.entries()) {
        await play(disk, model, each, nth + 1)
        check(disk, model)
      }
      // In the end everything goes, and nothing is left over.
      const datastore = new FakeDatastore(disk)
      for (const volume of model.tops.keys()) await datastore.remove(volume, never)
      assert.deepEqual([...disk.volumes.keys(), ...disk.remains.keys()], [])
    }),
    { numRuns: 400, seed: 29 },
  )
})
