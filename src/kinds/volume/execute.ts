/** Carries out volume steps on a host. One line per step; to decide is the planner's work. */

import type { DiskChain, Datastore, Keys, Progress, VolumeWish } from '#drivers/datastore/port.ts'
import type { DiskFile, Hypervisor } from '#drivers/hypervisor/port.ts'
import type { VolumeStep } from './plan.ts'

type Hands = { [Do in VolumeStep['do']]: (step: Extract<VolumeStep, { do: Do }>) => Promise<void> }

export type VolumeHandsWith = {
  /** Where it is wished. */
  readonly datastore: Datastore
  /** Another datastore of this host, by name. */
  readonly from: (name: string) => Datastore
  readonly hypervisor: Hypervisor
  /** What it starts with, without its size. */
  readonly wish: Omit<VolumeWish, 'sizeBytes'>
  /** Makes a chain the disk of a running guest, with the ways of its wish. */
  readonly diskFor: (guest: string, disk: string, chain: DiskChain) => DiskFile
  readonly keys: Keys
  readonly report: Progress
  readonly signal: AbortSignal
}

export function volumeHands(id: string, on: VolumeHandsWith): Hands {
  const { datastore, hypervisor, wish, keys, report, signal } = on
  const key = wish.key ?? null
  return {
    create: ({ sizeBytes }) => datastore.create(id, { ...wish, sizeBytes }, signal, report),
    grow: ({ sizeBytes }) => datastore.grow(id, sizeBytes, signal, keys),
    remove: () => datastore.remove(id, signal),
    revert: ({ snapshot, at }) => datastore.revert(id, { snapshot, at, key, keys }, signal),
    merge: () => datastore.merge(id, keys, signal, report),
    'merge-live': async ({ guest, disk, merge }) => {
      await hypervisor.layers.merge(guest, { disk, into: merge.into, base: merge.base }, report, signal)
      await datastore.merged(id, merge)
    },
    copy: async ({ from }) => {
      const content = await on.from(from).open(id, null)
      const { format, isFull } = wish
      const whole = { format, sizeBytes: null, image: null, content, key, keys, isFull: isFull ?? false }
      await datastore.create(id, whole, signal, report)
    },
    mirror: (step) => mirror(id, on, step),
    discard: () => datastore.remove(id, signal),
    'remove-old': ({ from }) => on.from(from).remove(id, signal),
  }
}

/** The new file is made, filled by the guest's process, and said to be whole before the guest goes over. */
async function mirror(
  id: string,
  { datastore, from, hypervisor, wish, diskFor, keys, report, signal }: VolumeHandsWith,
  step: Extract<VolumeStep, { do: 'mirror' }>,
) {
  const { sizeBytes } = await from(step.from).observe(id)
  const key = wish.key ?? null
  const empty = { format: wish.format, sizeBytes, image: null, key, keys, isArriving: true }
  await datastore.create(id, empty, signal)
  const chain = await datastore.open(id, await hypervisor.uidOf(step.guest))
  const target = diskFor(step.guest, step.disk, chain)
  const ready = () => datastore.arrived(id)
  await hypervisor.layers.mirror(step.guest, { disk: step.disk, target, ready }, report, signal)
  await datastore.arrived(id)
}
