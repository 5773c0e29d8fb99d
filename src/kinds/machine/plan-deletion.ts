/** How a machine goes: its body, its snapshots, the volumes that were made for it, then its name. Pure. */

import { proceed, settled, wait, type Plan } from '#model/plan.ts'
import { guestClaims } from './body-leaving.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineStep } from './plan-step.ts'

export function planDeletion(seen: MachineObserved): Plan<MachineStep> {
  const { guest, machine, source } = seen
  if (guest !== null) {
    if (guest.spec.power !== 'gone')
      return proceed({ do: 'remove-guest', spec: { ...guest.spec, power: 'gone', forceAfterSeconds: 0 } })
    // Said of this very wish: of an older one, a start that failed looks the same.
    const { phase, epoch, generation } = guest.status
    const isGone = phase === 'absent' && generation >= guest.generation && epoch >= guest.spec.epoch
    if (!isGone) return wait('machine/guest-leaving', { host: guest.host ?? '' })
    return proceed({ do: 'forget-guest', releases: guestClaims(guest.host ?? '', guest.spec) })
  }
  const volumes = ownVolumes(seen)
  const standing = volumes.find(({ deletingAtMs }) => deletingAtMs === null)
  if (standing !== undefined) return proceed({ do: 'delete-volume', volume: standing.id })
  const [leaving] = volumes
  if (leaving !== undefined) return wait('machine/volume-leaving', { volume: leaving.name })
  if (source?.owner === machine.id)
    return source.deletingAtMs === null
      ? proceed({ do: 'delete-snapshot', snapshot: source.id })
      : wait('machine/snapshot-leaving', { snapshot: source.name })
  return machine.deletingAtMs === null ? settled : proceed({ do: 'forget' })
}

/** What was made for it, wished or not. */
const ownVolumes = ({ machine, bootVolume, disks, spare }: MachineObserved) =>
  [bootVolume, ...disks, ...spare]
    .filter((volume) => volume !== null)
    .filter(({ owner }) => owner === machine.id)
