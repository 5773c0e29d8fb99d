/** Carries out snapshot steps on a host. To decide is the planner's work. */

import type { Json } from '#base/json.ts'
import type { Datastore, Keys } from '#drivers/datastore/port.ts'
import type { Hypervisor, Running } from '#drivers/hypervisor/port.ts'
import type { Notebook } from '#drivers/notebook/port.ts'
import type { Moment } from './parts.ts'
import type { SnapshotRecord, SnapshotStep } from './plan.ts'
import type { Layer } from './schema.ts'

type Hands = { [Do in SnapshotStep['do']]: (step: Extract<SnapshotStep, { do: Do }>) => Promise<void> }

export type SnapshotHandsWith = {
  readonly hypervisor: Hypervisor
  readonly notebook: Notebook
  /** The guest whose disks they are; null: there is none. */
  readonly guest: string | null
  readonly datastoreOf: (layer: Layer) => Datastore
  /** The volume's own key, if it is encrypted, and all that its chain needs. */
  readonly keysOf: (volume: string) => { readonly key: string | null; readonly keys: Keys }
  readonly record: SnapshotRecord
  /** What ran, of what the guest's notes and its wish say. */
  readonly momentOf: (running: Running) => Promise<Moment>
  readonly nowMs: () => number
  readonly signal: AbortSignal
}

export function snapshotHands(id: string, on: SnapshotHandsWith): Hands {
  const { hypervisor, notebook, guest, datastoreOf, keysOf, signal } = on
  let record = on.record
  const note = async (change: Partial<SnapshotRecord>) => {
    record = { ...record, ...change }
    await notebook.put(`snapshot/${id}`, record as unknown as Json)
  }
  const prepare = async (layer: Layer) => {
    const ownerUid = guest === null ? null : await hypervisor.uidOf(guest)
    const wish = { snapshot: id, ownerUid, ...keysOf(layer.volume) }
    return await datastoreOf(layer).prepareTop(layer.volume, wish, signal)
  }
  const each = async (disks: readonly Layer[], work: (layer: Layer) => Promise<unknown>) => {
    for (const layer of disks) await work(layer)
  }
  return {
    note: (step) => note(step.record),
    prepare: ({ disks }) => each(disks, prepare),
    freeze: async ({ mayFail }) => {
      const freezing = hypervisor.agent.freeze(guest ?? '', signal)
      const count = await (mayFail ? freezing.catch(() => 0) : freezing)
      record = { ...record, wasFrozen: count > 0 }
    },
    switch: async ({ disks, withMemory }) => {
      const tops = []
      for (const layer of disks)
        tops.push({ disk: layer.disk, top: await prepare(layer), keys: keysOf(layer.volume).keys })
      const [first] = disks
      const memory = withMemory && first !== undefined ? await datastoreOf(first).memoryPlace(id) : null
      const { pausedMs, kept } = await hypervisor.layers.overlay(guest ?? '', tops, memory, signal)
      const fits = kept === null ? {} : { moment: await on.momentOf(kept.running), layout: kept.layout }
      await note({ pausedMs, takenAtMs: on.nowMs(), ...fits })
    },
    raise: async ({ disks }) => {
      await each(disks, (layer) => datastoreOf(layer).raiseTop(layer.volume, id))
      if (record.takenAtMs === null) await note({ takenAtMs: on.nowMs() })
    },
    lower: ({ disks }) => each(disks, (layer) => datastoreOf(layer).lowerTop(layer.volume, id)),
    thaw: async () => {
      // A guest that is gone is not frozen; one whose agent is silent thaws by its own bound.
      await hypervisor.agent.thaw(guest ?? '', signal).catch(() => 0)
      await note({ mayBeFrozen: false })
    },
    drop: async ({ disks }) => {
      await each(disks, (layer) => datastoreOf(layer).dropLayer(layer.volume, id))
      await each(disks, (layer) => datastoreOf(layer).removeMemory(id))
    },
    taken: async () => {
      const [first] = record.layers
      const memory = first === undefined ? null : await datastoreOf(first).memory(id)
      const layers: Layer[] = []
      for (const layer of record.layers) {
        const { sizeBytes } = await datastoreOf(layer).observe(layer.volume)
        layers.push({ ...layer, sizeBytes })
      }
      await note({ phase: 'taken', layers, memoryBytes: memory?.bytes ?? 0 })
    },
  }
}
