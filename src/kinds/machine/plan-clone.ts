/**
 * What the disks of a clone start with: a snapshot that was named, or one that is taken for it and goes again
 * once they are made. Pure.
 */

import { reason, type Hold } from '#model/plan.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineStep } from './plan-step.ts'
import type { MachineSpec } from './schema.ts'

export type Source =
  | { readonly is: 'ready' }
  | { readonly is: 'step'; readonly step: MachineStep }
  | { readonly is: 'hold'; readonly hold: Hold }

export const ready: Source = { is: 'ready' }

/** What has to be before volumes can be made. */
export function sourceOf({ cloneOf }: MachineSpec, { source, machine }: MachineObserved): Source {
  if (cloneOf === null) return ready
  if (source === null) {
    if (cloneOf.snapshot !== null)
      return { is: 'hold', hold: reason('machine/snapshot-missing', { snapshot: cloneOf.snapshot }) }
    const name = `${machine.name.slice(0, 47).replace(/-+$/, '')}-${machine.id.slice(0, 8)}-source`
    return { is: 'step', step: { do: 'create-snapshot', name, machine: cloneOf.machine } }
  }
  if (source.status.state === 'ready' && source.deletingAtMs === null) return ready
  const code = source.status.state === 'failed' ? 'machine/snapshot-failed' : 'machine/snapshot-not-ready'
  return { is: 'hold', hold: reason(code, { snapshot: source.name }) }
}

/** The snapshot that was taken for a clone whose disks all stand by now. */
export function usedUp({ machine, source, bootVolume, disks }: MachineObserved): MachineStep | undefined {
  if (source?.owner !== machine.id || source.deletingAtMs !== null) return undefined
  const isMade = [bootVolume, ...disks].every((volume) => volume?.status.state === 'ready')
  return isMade ? { do: 'delete-snapshot', snapshot: source.id } : undefined
}
