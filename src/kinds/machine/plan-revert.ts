/**
 * How a machine goes back to a snapshot. Pure.
 *
 *     body ended ──▶ volumes told to go back ──▶ each volume has ──▶ done; the body is begun anew
 *
 * Which volume was told which count is noted in the commit that tells them: a volume may have gone back before, with
 * another machine.
 */

import { same } from '#base/json.ts'
import { proceed, reason, wait, type Hold, type Plan } from '#model/plan.ts'
import type { GuestDocument, GuestSpec } from '#kinds/guest/schema.ts'
import type { VolumeDocument } from '#kinds/volume/schema.ts'
import type { MachineObserved } from './observed.ts'
import { bootDiskName, diskName, nicName } from './parts.ts'
import type { MachineStep } from './plan-step.ts'
import type { MachineSpec, MachineStatus } from './schema.ts'

/** The next of a revert that is wished and possible; nothing when there is none. */
export function planRevert(wish: MachineSpec, seen: MachineObserved): Plan<MachineStep> | undefined {
  const { machine, returning, guest } = seen
  if (wish.revert === null || wish.revert.at <= machine.status.revertedAt) return undefined
  const { reverting } = machine.status
  const isUnderWay = reverting?.at === wish.revert.at
  if (!isUnderWay && (!isUsable(seen) || gapOf(wish, seen) !== undefined)) return undefined
  const down = bodyDown(seen, guest)
  if (down !== undefined) return down
  if (!isUnderWay) {
    const volumes = toRevert(seen)
    const told = volumes.map(({ id, spec }) => ({ volume: id, at: (spec.revert?.at ?? 0) + 1 }))
    return proceed({
      do: 'revert-volumes',
      snapshot: wish.revert.snapshot,
      reverting: { at: wish.revert.at, volumes: told },
    })
  }
  const late = lateOnes(reverting, seen)
  if (late.length > 0)
    return {
      steps: [],
      holds: [reverts(wish.revert.snapshot), ...late.flatMap(({ status }) => status.holds)],
    }
  const hasMemory = wish.power !== 'off' && (returning?.status.memoryBytes ?? 0) > 0
  const memoryOf = hasMemory && returning !== null ? { snapshot: returning.id, boot: wish.boot } : null
  return proceed({ do: 'end-revert', at: wish.revert.at, snapshot: wish.revert.snapshot, memoryOf })
}

/** Why a revert that is wished is not begun. */
export function revertHold(wish: MachineSpec, seen: MachineObserved): Hold[] {
  if (wish.revert === null || wish.revert.at <= seen.machine.status.revertedAt) return []
  const missing = reason('machine/snapshot-missing', { snapshot: wish.revert.snapshot })
  return [(isUsable(seen) ? gapOf(wish, seen) : undefined) ?? missing]
}

const reverts = (snapshot: string) => reason('machine/reverting', { snapshot })

const isUsable = ({ returning }: MachineObserved) =>
  returning !== null && returning.status.state === 'ready' && returning.deletingAtMs === null

/** What the kept memory would not find again, by the wish as it has become since; nothing when it fits. */
function gapOf(wish: MachineSpec, { returning, bootVolume, disks }: MachineObserved): Hold | undefined {
  const moment = returning?.status.moment ?? null
  if (moment === null || wish.power === 'off') return undefined
  const unfit = returning?.status.holds.find(({ code }) => code === 'snapshot/unfit')
  if (unfit !== undefined) return unfit
  const volumes = new Map(wish.disks.map((disk, at) => [diskName(disk, at), disks[at]?.id]))
  volumes.set(bootDiskName, bootVolume?.id)
  const nics = new Set(wish.nics.map(nicName))
  const part =
    moment.disks.find(({ id, volume }) => volumes.get(id) !== volume) ??
    moment.nics.find(({ id }) => !nics.has(id))
  return part === undefined ? undefined : reason('machine/memory-parts', { part: part.id })
}

/** What has to be done or waited for until no process has the disks open. */
function bodyDown(seen: MachineObserved, guest: GuestDocument | null): Plan<MachineStep> | undefined {
  if (guest === null) return undefined
  const off: GuestSpec = { ...guest.spec, power: 'off', forceAfterSeconds: 0 }
  if (!same(off, guest.spec)) return proceed({ do: 'update-guest', spec: off, claims: [], releases: [] })
  const { phase, pid, generation } = guest.status
  const isDown =
    pid === null && (phase === 'stopped' || phase === 'crashed') && generation >= guest.generation
  if (isDown) return undefined
  return seen.hostSilentSince === null
    ? wait('machine/body-ending')
    : wait('machine/host-silent', { host: guest.host ?? '', since: seen.hostSilentSince })
}

/** Its disks that the snapshot knows; one that came later stays as it is. */
function toRevert({ bootVolume, disks, returning }: MachineObserved): VolumeDocument[] {
  const known = new Set(returning?.status.layers.map(({ volume }) => volume))
  return [bootVolume, ...disks].filter((volume) => volume !== null).filter(({ id }) => known.has(id))
}

/** Volumes that have not gone back yet. One that is no longer its disk is nobody's to wait for. */
const lateOnes = (
  { volumes }: NonNullable<MachineStatus['reverting']>,
  { bootVolume, disks }: MachineObserved,
): VolumeDocument[] =>
  [bootVolume, ...disks]
    .filter((volume) => volume !== null)
    .filter(({ id, status }) => volumes.some(({ volume, at }) => volume === id && status.revertedAt < at))
