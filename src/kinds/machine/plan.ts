/**
 * Decides what must happen to one machine: where it lives, which volumes it has, what its guest is told.
 * Pure. The next safe steps only; the same function finds the way after any crash.
 *
 *     no host ──place──▶ placed ──create-volume──▶ volumes ready ──create-guest──▶ guest carries out the rest
 *     revert wished: body ended ──▶ volumes gone back ──▶ begun anew
 *     deleting: guest gone ──▶ volumes deleted ──▶ forgotten
 */

import { same } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { proceed, reason, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import { place, type Refusal } from '#engines/placement/place.ts'
import type { Ask } from '#engines/placement/rule.ts'
import type { GuestDocument } from '#kinds/guest/schema.ts'
import { guestClaims, guestSpecOf, isCrowded } from './body.ts'
import type { Allocation, MachineObserved } from './observed.ts'
import { usedUp } from './plan-clone.ts'
import { unkeptHolds } from './plan-unkept.ts'
import { planDeletion } from './plan-deletion.ts'
import { imageHold, planDisks, unreadyVolumes } from './plan-disks.ts'
import { planRevert, revertHold } from './plan-revert.ts'
import type { MachineStep } from './plan-step.ts'
import { waitingFor } from './report.ts'
import type { MachineSpec } from './schema.ts'

export type { MachineStep } from './plan-step.ts'

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

/** What the machine asks of its host. */
export const askOf = (
  wish: MachineSpec,
  seen: Pick<MachineObserved, 'image' | 'disks' | 'networks'>,
): Ask => ({
  ...allocationOf(wish),
  architecture: seen.image?.status.architecture || 'any',
  hostLabels: wish.hostLabels,
  datastores: datastoresOf(wish, seen),
  networkDrivers: [...new Set(seen.networks.flatMap((network) => network?.spec.driver ?? []))],
  cpuModel: wish.cpuModel === 'auto' || wish.cpuModel === 'baseline' ? null : wish.cpuModel,
  hugePages:
    wish.hugePages === 'none' ? null : { size: wish.hugePages, mib: wish.memoryMaxMib ?? wish.memoryMib },
  numaNodes: wish.numaNodes,
  hostDevices: wish.hostDevices.map(({ address }) => address),
  shareFolders: wish.shares.map(({ folder }) => folder),
})

/** Every datastore that its disks lie in. */
const datastoresOf = (wish: MachineSpec, { disks }: Pick<MachineObserved, 'disks'>): string[] => [
  ...new Set([
    wish.datastore,
    ...wish.disks.map((disk, at) => disks[at]?.spec.datastore ?? disk.datastore ?? wish.datastore),
  ]),
]

function planPlacement(wish: MachineSpec, seen: MachineObserved): Plan<MachineStep> {
  const held = imageHold(wish, seen)
  if (held !== undefined) return { steps: [], holds: [held] }
  if (seen.candidates.length === 0) return wait('machine/no-hosts', {}, 5_000)
  const placement = place(askOf(wish, seen), seen.candidates)
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

function planBody(wish: MachineSpec, seen: MachineObserved, host: string): Plan<MachineStep> {
  const revert = planRevert(wish, seen)
  if (revert !== undefined) return revert
  const volumes = planDisks(wish, seen, host)
  if (volumes !== undefined && (volumes.steps.length > 0 || seen.guest === null)) return volumes
  const plan = planGuestOf(wish, seen, host)
  const holds = [...(volumes?.holds ?? []), ...revertHold(wish, seen)]
  return holds.length === 0 ? plan : { ...plan, holds: [...plan.holds, ...holds] }
}

function planGuestOf(wish: MachineSpec, seen: MachineObserved, host: string): Plan<MachineStep> {
  const { guest } = seen
  const used = usedUp(seen)
  if (used !== undefined) return proceed(used)
  const unready = unreadyVolumes(wish, seen).map((volume) => reason('machine/volume-not-ready', { volume }))
  if (guest === null && unready.length > 0) return { steps: [], holds: unready }
  if (guest === null && wish.power === 'off') return settled
  const refused = refusals(seen)
  if (guest === null && refused.length > 0) return { steps: [], holds: refused, againMs: 5_000 }
  const spec = guestSpecOf(wish, seen)
  const claims = guestClaims(host, spec)
  if (guest === null) return proceed({ do: 'create-guest', host, spec, claims })
  if (same(guest.spec, spec)) return guestHolds(wish, seen, guest)
  const releases = guestClaims(host, guest.spec).filter((claim) => !claims.includes(claim))
  return proceed({ do: 'update-guest', spec, claims, releases })
}

/** NICs that have no address yet, or not the one that is wished. */
const refusals = ({ addresses }: MachineObserved): Hold[] => addresses.flatMap(({ refusal }) => refusal ?? [])

/** Why not everything is as wished, as the guest, its disks and the parts that are to come or go say. */
function guestHolds(wish: MachineSpec, seen: MachineObserved, guest: GuestDocument): Plan<never> {
  if (seen.hostSilentSince !== null)
    return wait('machine/host-silent', { host: guest.host ?? '', since: seen.hostSilentSince })
  const waiting = waitingFor(guest)
  const unready = unreadyVolumes(wish, seen).map((volume) => reason('machine/volume-not-ready', { volume }))
  const refused = refusals(seen)
  const ofDisks = [seen.bootVolume, ...seen.disks].flatMap((volume) => volume?.status.holds ?? [])
  const holds: Hold[] = [
    ...guest.status.holds.filter(({ code }) => code !== 'guest/restart-required'),
    ...unready,
    ...refused,
    ...unkeptHolds(wish, seen),
    ...ofDisks,
    ...(guest.spec.leaving.length > 0 ? [leavingHold(guest)] : []),
    ...(isCrowded(wish, seen) ? [reason('machine/parts-crowded')] : []),
    ...(waiting.length > 0 ? [reason('machine/restart-required', { fields: waiting.join(', ') })] : []),
  ]
  return { steps: [], holds, ...(refused.length > 0 ? { againMs: 5_000 } : {}) }
}

function leavingHold({ spec }: GuestDocument): Hold {
  const names = spec.leaving.map(({ claim, volumeName }) => volumeName ?? claim)
  const more = names.length > 3 ? ` +${names.length - 3}` : ''
  return reason('machine/parts-leaving', { parts: `${names.slice(0, 3).join(', ')}${more}` })
}
