/**
 * What a running guest is to be changed in, one difference at a time: what is wished against what the
 * hypervisor says that runs. What it cannot take while it runs waits for the next start, and it is said which.
 * A difference that was tried in vain is left alone for a while and does not hold up the others.
 */

import { reason, settled, type Hold, type Plan } from '#model/plan.ts'
import { diskDifferences } from './plan-disks.ts'
import { figureDifferences, mediumDifferences, startDifferences } from './plan-figures.ts'
import { nicDifferences } from './plan-nics.ts'
import type { GuestObserved, GuestRunning, GuestStep, LiveStep } from './plan-record.ts'
import type { GuestSpec } from './schema.ts'

/** One thing that is not as wished: steps towards it, or why there are none. */
export type Difference =
  | { readonly live: LiveStep; readonly steps: readonly GuestStep[] }
  | { readonly restart: string }
  | { readonly wait: Hold }

const firstPauseMs = 1_000
const longestPauseMs = 60_000
const lookAgainMs = 2_000

/** How long a change is left alone after its n-th try in vain. */
export const tryPauseMs = (tries: number) =>
  Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(Math.max(0, tries - 1), 10))

/** Names a change among those that were tried: the same wish for the same part. */
export function attemptKey(step: LiveStep): string {
  const { do: act, ...what } = step
  return [act, ...Object.values(what)].join('/')
}

/** The part that a change is about, as people call it. */
export function partOf(step: LiveStep): string {
  if ('disk' in step) return step.disk
  if ('nic' in step) return step.nic
  if ('cdrom' in step) return step.cdrom
  return step.do === 'set-cpus' ? 'cpus' : 'memory'
}

export function planParts(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  if (seen.running === null) return settled
  return nextOf(differencesOf(wish, seen, seen.running), seen)
}

/** In an order in which nothing stands in another's way: what goes, then what comes, then what is set. */
function differencesOf(wish: GuestSpec, seen: GuestObserved, running: GuestRunning): Difference[] {
  const [disks, nics] = [diskDifferences(wish, seen, running), nicDifferences(wish, seen, running)]
  return [
    ...disks.going,
    ...nics.going,
    ...disks.coming,
    ...nics.coming,
    ...disks.changing,
    ...nics.changing,
    ...mediumDifferences(wish, seen, running),
    ...figureDifferences(wish, seen, running),
    ...startDifferences(wish, seen, running),
  ]
}

function nextOf(differences: readonly Difference[], seen: GuestObserved): Plan<GuestStep> {
  const holds: Hold[] = []
  const fields = new Set<string>()
  let againMs: number | undefined
  const soon = (ms: number) => (againMs = Math.min(againMs ?? ms, ms))
  for (const difference of differences) {
    if ('restart' in difference) fields.add(difference.restart)
    else if ('wait' in difference) {
      holds.push(difference.wait)
      soon(lookAgainMs)
    } else {
      const rest = restOf(difference.live, seen)
      if (rest === undefined) return { steps: difference.steps, holds: [] }
      holds.push(rest.hold)
      soon(rest.leftMs)
    }
  }
  const later = fields.size === 0 ? [] : [restartHold([...fields])]
  return { steps: [], holds: [...holds, ...later], ...(againMs === undefined ? {} : { againMs }) }
}

/** Why a change is not tried now, or nothing. */
function restOf(step: LiveStep, { attempts, nowMs, running }: GuestObserved) {
  const attempt = attempts[attemptKey(step)]
  if (attempt === undefined) return undefined
  // A clock set back must not stretch the pause.
  const leftMs = tryPauseMs(attempt.tries) - Math.abs(nowMs - attempt.atMs)
  return leftMs <= 0 ? undefined : { hold: attempt.hold ?? pending(step, running), leftMs }
}

/** It was asked for and is not so yet. */
function pending(step: LiveStep, running: GuestRunning | null): Hold {
  if (step.do !== 'set-memory' && step.do !== 'set-balloon')
    return reason('guest/change-pending', { part: partOf(step) })
  const hasMib = step.do === 'set-memory' ? running?.memoryMib : running?.balloonMib
  return reason('guest/memory-held', { wishedMib: step.memoryMib, hasMib: hasMib ?? 0 })
}

const restartHold = (fields: readonly string[]) =>
  reason('guest/restart-required', { fields: fields.toSorted().join(', ').slice(0, 300) })

/** Whether anything is not as wished, whatever is being done about it. */
export const differs = (wish: GuestSpec, seen: GuestObserved): boolean =>
  seen.running !== null && differencesOf(wish, seen, seen.running).length > 0
