/** Changes of a guest's parts while it runs, over QMP. Each goes in its guest's turn, and looks anew when done. */

import type { Clock } from '#drivers/clock/port.ts'
import type { LiveParts } from '../../port-parts.ts'
import type { Guest } from '../guest.ts'
import type { Means } from '../jail/means.ts'
import type { InTurn } from '../turns.ts'
import { attachDisk, detachDisk, limitDisk, resizeDisk } from './disks.ts'
import { changeMedium } from './media.ts'
import { attachNic, detachNic, setLink } from './nics.ts'
import { setBalloon, setCpus, setMemory } from './shape.ts'

/** What changes of parts stand on. */
export type PartsGround = {
  readonly means: Means
  /** The guest's user; null: our own. */
  readonly uidOf: (id: string) => Promise<number | null>
  readonly clock: Clock
}

/** One change, with all that it may need. */
export type Change = PartsGround & { readonly guest: Guest; readonly signal: AbortSignal }

export function partsOf(inTurn: InTurn, ground: PartsGround): LiveParts {
  const change = (id: string, signal: AbortSignal, work: (on: Change) => Promise<void>) =>
    inTurn(id, signal, async (guest) => {
      // Also after a failure: half of it may be done.
      await work({ ...ground, guest, signal }).finally(() => guest.look().catch(() => undefined))
    })
  return {
    attachDisk: (id, disk, signal) => change(id, signal, (on) => attachDisk(on, disk)),
    detachDisk: (id, disk, signal) => change(id, signal, (on) => detachDisk(on, disk)),
    resizeDisk: (id, disk, sizeBytes, signal) => change(id, signal, (on) => resizeDisk(on, disk, sizeBytes)),
    limitDisk: (id, disk, bounds, signal) => change(id, signal, (on) => limitDisk(on, disk, bounds)),
    changeMedium: (id, medium, signal) => change(id, signal, (on) => changeMedium(on, medium)),
    attachNic: (id, plug, signal) => change(id, signal, (on) => attachNic(on, plug)),
    detachNic: (id, nic, signal) => change(id, signal, (on) => detachNic(on, nic)),
    setLink: (id, nic, isUp, signal) => change(id, signal, (on) => setLink(on, nic, isUp)),
    setCpus: (id, cpus, signal) => change(id, signal, (on) => setCpus(on, cpus)),
    setMemory: (id, memoryMib, signal) => change(id, signal, (on) => setMemory(on, memoryMib)),
    setBalloon: (id, memoryMib, signal) => change(id, signal, (on) => setBalloon(on, memoryMib)),
  }
}
