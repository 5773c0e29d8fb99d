/**
 * Decides what must happen to one machine: where it lives, which volumes it has, what its guest is told.
 * Pure. The next safe steps only; the same function finds the way after any crash.
 *
 *     no host ──place──▶ placed ──create-volume──▶ volume ready ──create-guest──▶ guest carries out the rest
 *     deleting: guest gone ──▶ volumes deleted ──▶ forgotten
 */

import { same } from '#base/json.ts'
import { proceed, reason, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import { place, type Refusal } from '#engines/placement/place.ts'
import type { Ask } from '#engines/placement/rule.ts'
import type { GuestDocument, GuestSpec } from '#kinds/guest/schema.ts'
import type { ImageDocument } from '#kinds/image/schema.ts'
import type { VolumeSpec } from '#kinds/volume/schema.ts'
import { limits } from '#model/limits.ts'
import { guestClaims, guestSpecOf, needsBoot } from './body.ts'
import type { Allocation, MachineObserved } from './observed.ts'
import type { MachineSpec } from './schema.ts'

export type MachineStep =
  | {
      readonly do: 'place'
      readonly host: string
      readonly candidates: number
      readonly allocation: Allocation
    }
  | { readonly do: 'allocate'; readonly host: string; readonly allocation: Allocation }
  | { readonly do: 'create-volume'; readonly host: string; readonly spec: VolumeSpec }
  | { readonly do: 'grow-volume'; readonly sizeMib: number }
  | {
      readonly do: 'create-guest'
      readonly host: string
      readonly spec: GuestSpec
      readonly claims: readonly string[]
    }
  | {
      readonly do: 'update-guest'
      readonly spec: GuestSpec
      readonly claims: readonly string[]
      readonly releases: readonly string[]
    }
  | { readonly do: 'remove-guest'; readonly spec: GuestSpec }
  | { readonly do: 'forget-guest'; readonly releases: readonly string[] }
  | { readonly do: 'delete-volume' }
  | { readonly do: 'forget' }

export function planMachine(wish: MachineSpec, seen: MachineObserved): Plan<MachineStep> {
  if (seen.machine.deletingAtMs !== null) return planDeletion(seen)
  if (seen.machine.host === null) return planPlacement(wish, seen)
  const allocation = allocationOf(wish, seen.guest)
  if (same(seen.allocated, allocation)) return planBody(wish, seen, seen.machine.host)
  if (!fits(allocation, seen)) return planWithin(wish, seen, seen.machine.host)
  return proceed({ do: 'allocate', host: seen.machine.host, allocation })
}

/** What a machine takes of its host; a body that runs with more keeps that until it is started anew. */
export const allocationOf = (
  { cpus, memoryMib }: Pick<MachineSpec, 'cpus' | 'memoryMib'>,
  guest: GuestDocument | null = null,
): Allocation => ({
  cpus: Math.max(cpus, guest?.status.running?.cpus ?? 0),
  memoryMib: Math.max(memoryMib, guest?.status.running?.memoryMib ?? 0) + limits.guestOverheadMib,
})

/** Whether the host has room for what the machine wants more. What runs there unaccounted for is a fact. */
function fits(wanted: Allocation, { allocated, room }: MachineObserved): boolean {
  if (allocated === null || room === null) return true
  const isWithin = (more: number, free: number) => more <= Math.max(0, free)
  return (
    isWithin(wanted.cpus - allocated.cpus, room.cpus) &&
    isWithin(wanted.memoryMib - allocated.memoryMib, room.memoryMib)
  )
}

/** The machine goes on with what it has been given, and says what it waits for (I-26). */
function planWithin(wish: MachineSpec, seen: MachineObserved, host: string): Plan<MachineStep> {
  const { cpus, memoryMib } = seen.allocated ?? allocationOf(wish)
  const given = { ...wish, cpus, memoryMib: memoryMib - limits.guestOverheadMib }
  const plan = planBody(given, seen, host)
  const again = plan.steps.length > 0 ? {} : { againMs: plan.againMs ?? 5_000 }
  return { ...plan, ...again, holds: [...plan.holds, reason('machine/no-room', { host })] }
}

export function askOf(wish: MachineSpec, image: ImageDocument | null): Ask {
  return {
    ...allocationOf(wish),
    architecture: image?.status.architecture || 'any',
    hostLabels: wish.hostLabels,
    datastores: [wish.datastore],
  }
}

function planPlacement(wish: MachineSpec, seen: MachineObserved): Plan<MachineStep> {
  const held = imageHold(wish, seen)
  if (held !== undefined) return { steps: [], holds: [held] }
  if (seen.candidates.length === 0) return wait('machine/no-hosts', {}, 5_000)
  const placement = place(askOf(wish, seen.image), seen.candidates)
  if (!placement.isPlaced) return noHost(placement.refusals)
  const { host, candidates } = placement
  return proceed({ do: 'place', host, candidates, allocation: allocationOf(wish) })
}

/** Names the first few refused hosts with their reasons; the rest as a number. */
function noHost(refusals: readonly Refusal[]): Plan<never> {
  const shown = refusals
    .slice(0, 3)
    .map(({ host }) => host)
    .join(', ')
  const rest = refusals.length > 3 ? ` +${refusals.length - 3}` : ''
  const reasons = refusals.slice(0, 3).map(({ reason }) => reason)
  return {
    steps: [],
    holds: [{ code: 'machine/no-host', facts: { rejected: `${shown}${rest}` } }, ...reasons],
    againMs: 5_000,
  }
}

function imageHold(wish: MachineSpec, { image }: MachineObserved): Hold | undefined {
  if (wish.image === null || image?.status.state === 'ready') return undefined
  const code = image?.status.state === 'failed' ? 'machine/image-failed' : 'machine/no-image'
  return { code, facts: { image: wish.image } }
}

function planBody(wish: MachineSpec, seen: MachineObserved, host: string): Plan<MachineStep> {
  const { bootVolume, guest } = seen
  if (bootVolume === null) {
    const held = imageHold(wish, seen)
    return held === undefined
      ? proceed({ do: 'create-volume', host, spec: bootVolumeSpec(wish) })
      : { steps: [], holds: [held] }
  }
  if (wish.diskMib !== undefined && wish.diskMib !== bootVolume.spec.sizeMib) {
    return proceed({ do: 'grow-volume', sizeMib: wish.diskMib })
  }
  const missing = wish.disks.find((_, at) => seen.disks[at] === null)
  if (missing !== undefined) return wait('machine/volume-not-ready', { volume: missing })
  const disks = seen.disks.filter((disk) => disk !== null)
  const unready = [bootVolume, ...disks].find(({ status }) => status.state !== 'ready')
  if (guest === null && unready !== undefined)
    return wait('machine/volume-not-ready', { volume: unready.name })
  if (guest === null && wish.power === 'off') return settled
  return planGuestOf(wish, seen, host)
}

function planGuestOf(wish: MachineSpec, seen: MachineObserved, host: string): Plan<MachineStep> {
  const { guest } = seen
  const spec = guestSpecOf(wish, seen)
  const claims = guestClaims(host, spec)
  if (guest === null) return proceed({ do: 'create-guest', host, spec, claims })
  if (same(guest.spec, spec)) return guestHolds(wish, seen, guest)
  const releases = guestClaims(host, guest.spec).filter((claim) => !claims.includes(claim))
  return proceed({ do: 'update-guest', spec, claims, releases })
}

function guestHolds(wish: MachineSpec, seen: MachineObserved, guest: GuestDocument): Plan<never> {
  if (seen.hostSilentSince !== null)
    return wait('machine/host-silent', { host: guest.host ?? '', since: seen.hostSilentSince })
  const waiting = needsBoot(wish, guest)
  const holds: Hold[] =
    waiting.length > 0 ? [{ code: 'machine/restart-required', facts: { fields: waiting.join(', ') } }] : []
  const ofDisks = [seen.bootVolume, ...seen.disks].flatMap((volume) => volume?.status.holds ?? [])
  return { steps: [], holds: [...guest.status.holds, ...ofDisks, ...holds] }
}

const bootVolumeSpec = (wish: MachineSpec): VolumeSpec => ({
  datastore: wish.datastore,
  format: 'qcow2',
  image: wish.image,
  // A machine without image and without a stated size gets an empty disk of a size that fits a system.
  ...(wish.diskMib === undefined
    ? wish.image === null
      ? { sizeMib: 8192 }
      : {}
    : { sizeMib: wish.diskMib }),
})

function planDeletion(seen: MachineObserved): Plan<MachineStep> {
  const { guest, bootVolume, machine } = seen
  if (guest !== null) {
    if (guest.spec.power !== 'gone')
      return proceed({ do: 'remove-guest', spec: { ...guest.spec, power: 'gone', forceAfterSeconds: 0 } })
    // Said of this very wish: of an older one, a start that failed looks the same.
    const { phase, epoch, generation } = guest.status
    const isGone = phase === 'absent' && generation >= guest.generation && epoch >= guest.spec.epoch
    if (!isGone) return wait('machine/guest-leaving', { host: guest.host ?? '' })
    return proceed({ do: 'forget-guest', releases: guestClaims(guest.host ?? '', guest.spec) })
  }
  if (bootVolume !== null) {
    return bootVolume.deletingAtMs === null
      ? proceed({ do: 'delete-volume' })
      : wait('machine/volume-leaving', { volume: bootVolume.name })
  }
  return machine.deletingAtMs === null ? settled : proceed({ do: 'forget' })
}
