/** A machine's steps in words that people read before anything is done: a code and its facts. Pure. */

import { unreachable } from '#base/assert.ts'
import type { StepCode } from '#model/catalogue/steps.ts'
import type { Facts } from '#model/sentence.ts'
import type { GuestSpec } from '#kinds/guest/schema.ts'
import type { MachineObserved } from './observed.ts'
import type { MachineStep } from './plan.ts'

export type ToldStep = { readonly code: StepCode; readonly facts: Facts }

const told = (code: StepCode, facts: Facts = {}): ToldStep => ({ code, facts })

export function tellMachineStep(step: MachineStep, seen: MachineObserved): ToldStep {
  switch (step.do) {
    case 'place':
      return told('machine/place', { host: step.host, candidates: step.candidates })
    case 'allocate':
      return told('machine/allocate', { host: step.host, ...step.allocation })
    case 'create-volume':
      return told('machine/create-volume', { host: step.host })
    case 'grow-volume':
      return told('machine/grow-volume', { sizeMib: step.sizeMib })
    case 'create-guest':
      return told(step.spec.power === 'on' ? 'machine/create-guest' : 'machine/guest-change', {
        host: step.host,
      })
    case 'update-guest':
      return told(changeOf(step.spec, seen), { forceAfterSeconds: step.spec.forceAfterSeconds })
    case 'remove-guest':
      return told('machine/remove-guest', { host: seen.machine.host ?? '' })
    case 'forget-guest':
    case 'forget':
      return told(`machine/${step.do}`)
    case 'delete-volume':
      return told('machine/delete-volume', { volume: seen.bootVolume?.name ?? '' })
    default:
      return unreachable(step)
  }
}

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
