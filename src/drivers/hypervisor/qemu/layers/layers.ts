/** Snapshots, moves and merges of a running guest's disks, and its memory kept in a file. */

import type { Clock } from '#drivers/clock/port.ts'
import type { LiveLayers } from '../../port-layers.ts'
import type { Guest } from '../guest.ts'
import type { InTurn } from '../turns.ts'
import { merge, mirror } from './jobs.ts'
import { overlay } from './overlay.ts'

export function layersOf(inTurn: InTurn, clock: Clock): LiveLayers {
  // A long work takes its turn only to begin: a guest must not wait for it to be paused or ended.
  const guestNow = (id: string, signal: AbortSignal) => inTurn(id, signal, async (guest) => guest)
  const lookedAt = <T>(guest: Guest, work: Promise<T>) =>
    work.finally(() => guest.look().catch(() => undefined))
  return {
    overlay: (id, tops, memoryFile, signal) =>
      inTurn(id, signal, (guest) => lookedAt(guest, overlay(guest, tops, memoryFile, { clock, signal }))),
    merge: async (id, wish, report, signal) => {
      const guest = await guestNow(id, signal)
      await lookedAt(guest, merge(guest, wish, { clock, signal, report }))
    },
    mirror: async (id, wish, report, signal) => {
      const guest = await guestNow(id, signal)
      await lookedAt(guest, mirror(guest, wish, { clock, signal, report }))
    },
  }
}
