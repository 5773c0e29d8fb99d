/** What a machine's guest is told to be, derived from the wish and what stands around it. Pure. */

import { limits } from '#model/limits.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { cdromsOf, disksOf, nicsOf, shapeOf } from './body-parts.ts'
import { leavingOf } from './body-leaving.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineSpec } from './schema.ts'

export { guestClaims } from './body-leaving.ts'
export { macOf } from './body-parts.ts'

/** The guest's wish. Its epoch rises with each boot that a person wishes (I-01). */
export function guestSpecOf(wish: MachineSpec, seen: MachineObserved): GuestSpec {
  const { machine, guest, image } = seen
  const isKernelBoot = image?.status.boot === 'kernel'
  const kept = guest !== null && guest.spec.boot === wish.boot
  const highest = Math.max(machine.status.epoch, guest?.spec.epoch ?? 0)
  const { memoryOf } = machine.status
  return {
    machine: machine.id,
    machineName: machine.name,
    epoch: kept ? guest.spec.epoch : highest + 1,
    power: wish.power,
    boot: wish.boot,
    forceAfterSeconds: wish.forceOnceSeconds ?? wish.forceAfterSeconds,
    restart: wish.restart,
    cpus: wish.cpus,
    memoryMib: wish.memoryMib,
    machineType: wish.machineType,
    kernelImage: isKernelBoot ? image.id : (guest?.spec.kernelImage ?? null),
    kernelDatastore: isKernelBoot ? image.spec.datastore : (guest?.spec.kernelDatastore ?? null),
    commandLine: isKernelBoot ? image.status.commandLine : (guest?.spec.commandLine ?? ''),
    ...partsOf(wish, seen),
    cdroms: cdromsOf(wish, seen),
    shape: shapeOf(wish, seen),
    balloonMib: wish.balloonMib,
    firstBoot: wish.firstBoot,
    // An identity is one machine's for good: a clone is another machine.
    instance: machine.id,
    memoryOf: memoryOf?.boot === wish.boot ? memoryOf : null,
    machineSpec: wish as unknown as GuestSpec['machineSpec'],
  }
}

type Parts = Pick<GuestSpec, 'disks' | 'nics' | 'leaving'>

/** Disks and NICs as wished at once, and what may still be there of former wishes. */
function partsOf(wish: MachineSpec, seen: MachineObserved): Parts {
  const parts = { disks: disksOf(wish, seen), nics: nicsOf(wish, seen) }
  const leaving = leavingOf(seen.guest, parts)
  return seen.guest !== null && leaving.length > limits.leavingPerGuest
    ? { disks: seen.guest.spec.disks, nics: seen.guest.spec.nics, leaving: seen.guest.spec.leaving }
    : { ...parts, leaving }
}

/** Whether its guest may still have so much of former wishes that it is told of no other parts for now. */
export const isCrowded = (wish: MachineSpec, seen: MachineObserved) =>
  leavingOf(seen.guest, { disks: disksOf(wish, seen), nics: nicsOf(wish, seen) }).length >
  limits.leavingPerGuest
