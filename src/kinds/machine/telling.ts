/** A machine's steps in words that people read before anything is done: codes and their facts. Pure. */

import { unreachable } from '#base/assert.ts'
import type { StepCode } from '#model/catalogue/steps.ts'
import type { Facts } from '#model/sentence.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import { changesOf, type Change } from './changes.ts'
import type { MachineObserved } from './observed.ts'
import { bootDiskName } from './parts.ts'
import type { MachineStep } from './plan-step.ts'

export type ToldStep = { readonly code: StepCode; readonly facts: Facts }

const told = (code: StepCode, facts: Facts = {}): ToldStep => ({ code, facts })

/** What a step means, in one sentence or several: a guest that runs is told of each change by itself. */
export function tellMachineStep(step: MachineStep, seen: MachineObserved): ToldStep[] {
  if (step.do !== 'update-guest') return [tellStep(step, seen)]
  const changes = liveChanges(step.spec, seen)
  const power = changeOf(step.spec, seen)
  const { forceAfterSeconds } = step.spec
  if (changes.length === 0) return [told(power, { forceAfterSeconds })]
  return [...(power === 'machine/guest-change' ? [] : [told(power, { forceAfterSeconds })]), ...changes]
}

function tellStep(step: Exclude<MachineStep, { do: 'update-guest' }>, seen: MachineObserved): ToldStep {
  const host = seen.machine.host ?? ''
  switch (step.do) {
    case 'place':
      return told('machine/place', { host: step.host, candidates: step.candidates })
    case 'allocate':
      return told('machine/allocate', { host: step.host, ...step.allocation })
    case 'create-snapshot':
      return told('machine/create-snapshot', { machine: step.machine })
    case 'create-volume':
      return step.spec.disk === bootDiskName
        ? told('machine/create-volume', { host: step.host })
        : told('machine/create-disk', { disk: step.spec.disk ?? '', host: step.host })
    case 'grow-volume':
      return step.volume === seen.bootVolume?.id
        ? told('machine/grow-volume', { sizeMib: step.sizeMib })
        : told('machine/grow-disk', { volume: volumeName(seen, step.volume), sizeMib: step.sizeMib })
    case 'release-volume':
      return told('machine/release-volume', { volume: volumeName(seen, step.volume) })
    case 'create-guest':
      return told(step.spec.power === 'on' ? 'machine/create-guest' : 'machine/guest-change', {
        host: step.host,
      })
    case 'remove-guest':
      return told('machine/remove-guest', { host })
    case 'revert-volumes':
    case 'end-revert':
      return told(`machine/${step.do}`, { snapshot: step.snapshot })
    case 'delete-snapshot':
    case 'forget-guest':
    case 'forget':
      return told(`machine/${step.do}`)
    case 'delete-volume':
      return step.volume === seen.bootVolume?.id
        ? told('machine/delete-volume', { volume: seen.bootVolume.name })
        : told('machine/delete-disk', { volume: volumeName(seen, step.volume) })
    default:
      return unreachable(step)
  }
}

const volumeName = ({ bootVolume, disks, spare }: MachineObserved, id: string) =>
  [bootVolume, ...disks, ...spare].find((volume) => volume?.id === id)?.name ?? ''

const live = new Set(['starting', 'running', 'paused', 'stopping'])

/** What a new wish means for the guest as it is now. */
function changeOf(spec: GuestSpec, { guest }: MachineObserved): StepCode {
  const isLive = live.has(guest?.status.phase ?? 'absent')
  const before = guest?.spec
  if (spec.power === 'off') return isLive ? 'machine/guest-off' : 'machine/guest-change'
  if (spec.power === 'paused')
    return before?.power === 'paused' ? 'machine/guest-change' : 'machine/guest-paused'
  if (spec.boot > (before?.boot ?? 0)) return isLive ? 'machine/guest-reboot' : 'machine/guest-on'
  if (before?.power === 'paused') return 'machine/guest-resumed'
  return isLive ? 'machine/guest-change' : 'machine/guest-on'
}

/** Each change of a guest that goes on running; none for one that is begun anew with everything. */
function liveChanges(spec: GuestSpec, { guest }: MachineObserved): ToldStep[] {
  const running = guest?.status.running ?? null
  if (guest === null || running === null || spec.power === 'off' || spec.boot > guest.spec.boot) return []
  return changesOf(guest.spec, spec, running).map(tellChange)
}

const tellChange = ({ field, does, why }: Change): ToldStep =>
  why === null ? told(`change/${does}`, { field }) : told(why.code as StepCode, { ...why.facts, field })
