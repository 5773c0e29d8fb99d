/**
 * Decides what must happen to one guest on its host. Pure: no clock, no chance, no input or output.
 *
 *     absent ──spawn──▶ starting ──▶ running ◀──resume/pause──▶ paused
 *       ▲                              │ powerdown (again and again, then kill)
 *       │                              ▼
 *       └──kill── shutdown · panicked · lost        each with a note of why, written first
 *
 * The record is the agent's own memory of the guest. What it says is written before the deed, so that a
 * crash between the two leads here again and to the same end.
 */

import { unreachable } from '#base/assert.ts'
import { limits } from '#model/limits.ts'
import { proceed, reason, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import { differs, planParts } from './plan-parts.ts'
import { readyOf } from './plan-phase.ts'
import { asOfMoment, begunAs, partsHolds } from './plan-return.ts'
import { note, type Exit, type GuestObserved, type GuestRecord, type GuestStep } from './plan-record.ts'
import type { GuestSpec } from './schema.ts'

export { attemptKey, partOf, tryPauseMs } from './plan-parts.ts'
export { openParts, phaseOf, readyOf } from './plan-phase.ts'
export {
  blankRecord,
  type Attempt,
  type Exit,
  type GuestObserved,
  type GuestRecord,
  type GuestStep,
  type LiveStep,
} from './plan-record.ts'

/** How often the power button is pressed again: a guest still booting does not listen. */
const pressAgainMs = 5_000
/** A guest that ran this long has recovered: its crashes no longer count. */
const recoveredMs = 300_000
const longestPauseMs = 300_000
/** A guest that is starting for longer was left so by an agent that died over it: nobody works on it. */
const startingMs = limits.spawnMs

export function planGuest(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  if (wish.epoch < seen.record.epoch) return wait('guest/epoch-stale', { seen: seen.record.epoch })
  if (!seen.isClaimed) return wait('guest/unclaimed')
  switch (seen.process) {
    case 'absent':
      return planAbsent(wish, seen)
    case 'starting':
      return planStarting(wish, seen)
    case 'running':
      return planRunning(wish, seen)
    case 'paused':
      return planPaused(wish, seen)
    case 'shutdown':
      return end(seen, seen.record.askedAtMs === null ? 'guest-shutdown' : 'asked')
    case 'panicked':
      return end(seen, 'panicked')
    case 'lost':
      return end(seen, seen.hostBoot === seen.record.hostBoot ? 'crashed' : 'host-restarted')
    case 'strange':
      return wait('guest/not-ours', { pid: seen.pid ?? 0 }, 5_000)
    default:
      return unreachable(seen.process)
  }
}

/** How long to leave a guest alone after its n-th crash in a row, in milliseconds: 1 s, 2 s, … 300 s. */
export const crashPauseMs = (crashes: number) =>
  Math.min(longestPauseMs, 1_000 * 2 ** Math.min(Math.max(0, crashes - 1), 20))

function planAbsent(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  const { record } = seen
  if (wish.power === 'gone') {
    return record.isRemoved
      ? settled
      : proceed<GuestStep>({ do: 'remove' }, note({ ...record, epoch: wish.epoch, isRemoved: true }))
  }
  if (wish.power === 'off') return settled
  if (record.boot < wish.boot) return begin(wish, { ...seen, record: { ...record, crashes: 0 } })
  return planEnded(wish, seen)
}

function planEnded(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  const { exit, crashes } = seen.record
  switch (exit?.why) {
    case undefined:
    case 'asked':
    case 'forced':
    case 'host-restarted':
      return begin(wish, seen)
    case 'guest-shutdown':
      return wish.restart === 'always' ? afterPause(wish, seen, 1) : wait('guest/powered-itself-off')
    case 'crashed':
    case 'panicked':
      return wish.restart === 'never' ? wait('guest/crashed') : afterPause(wish, seen, crashes)
    default:
      return unreachable(exit?.why as never)
  }
}

function afterPause(wish: GuestSpec, seen: GuestObserved, crashes: number): Plan<GuestStep> {
  const { record, nowMs } = seen
  // A clock set back must not make the pause endless: it begins anew, once.
  if (record.exit !== null && record.exit.atMs > nowMs)
    return proceed(note({ ...record, exit: { ...record.exit, atMs: nowMs } }))
  const leftMs = (record.exit?.atMs ?? 0) + crashPauseMs(crashes) - nowMs
  if (leftMs <= 0) return begin(wish, seen)
  return wait('guest/crash-pause', { crashes, seconds: Math.ceil(leftMs / 1000) }, leftMs)
}

function begin(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  const goesOn = isFromMemory(wish, seen)
  const { memory, ...others } = seen.waits
  const moment = goesOn ? seen.moment : null
  const waits = [
    ...Object.values(others),
    ...(goesOn && memory !== undefined ? [memory] : []),
    ...(moment === null ? [] : partsHolds(wish, moment)),
  ]
  if (waits.length > 0) return { steps: [], holds: waits, againMs: 2_000 }
  const record: GuestRecord = {
    ...seen.record,
    epoch: wish.epoch,
    boot: wish.boot,
    exit: null,
    askedAtMs: null,
    pressedAtMs: null,
    hostBoot: seen.hostBoot,
    isRemoved: false,
    ...begunAs(moment === null ? wish : asOfMoment(wish, moment)),
    goesOn,
    ready: null,
    isWatchdogKnown: false,
  }
  return proceed<GuestStep>(note(record), { do: 'spawn', goesOn })
}

/**
 * Whether the boot goes on from memory. Its disks are of that very moment only until it has run: where that may
 * have been, as after the host stopped over it, it boots from them instead.
 */
function isFromMemory({ memoryOf, boot }: GuestSpec, { record, hostBoot }: GuestObserved): boolean {
  if (memoryOf?.boot !== boot) return false
  const wasBegun = record.boot >= boot
  return !wasBegun || (record.goesOn && record.exit === null && record.hostBoot === hostBoot)
}

/** A round sees a start only before or after it was worked on, never meanwhile. */
function planStarting(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  const sinceMs = Math.abs(seen.nowMs - (seen.startedAtMs ?? 0))
  if (wish.power === 'gone' || sinceMs >= startingMs) return end(seen, 'forced')
  return wait('guest/starting', {}, 1_000)
}

function planRunning(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  if (wish.power === 'gone') return end(seen, 'forced')
  if (wish.power === 'off' || wish.boot > seen.boot) return powerDown(wish, seen)
  if (seen.record.askedAtMs !== null) return changedMind(wish, seen)
  if (wish.power === 'paused') return proceed({ do: 'pause' })
  const changed = notable(wish, seen)
  if (changed !== null) return proceed(note({ ...seen.record, ...changed }))
  const parts = planParts(wish, seen)
  if (parts.steps.length > 0 || seen.record.crashes === 0) return told(wish, seen, parts)
  const ranMs = seen.startedAtMs === null ? 0 : seen.nowMs - seen.startedAtMs
  const leftMs = recoveredMs - Math.max(0, ranMs)
  return told(wish, seen, { ...parts, againMs: Math.min(parts.againMs ?? leftMs, leftMs) })
}

/** What is worth to be noted of a guest that runs, or nothing. */
function notable(wish: GuestSpec, seen: GuestObserved): Partial<GuestRecord> | null {
  const { record, running } = seen
  const ranMs = seen.startedAtMs === null ? 0 : seen.nowMs - seen.startedAtMs
  const ready = readyOf(wish, seen)
  const version = running?.machineVersion ?? record.machineVersion
  const news: Partial<GuestRecord> = {
    ...(record.crashes > 0 && ranMs >= recoveredMs ? { crashes: 0 } : {}),
    ...(record.ready === null && ready !== null ? { ready } : {}),
    ...(version === record.machineVersion ? {} : { machineVersion: version }),
    ...(record.isWatchdogKnown ? { isWatchdogKnown: false } : {}),
    ...(running === null ? {} : unnoted(wish, seen.record, running)),
  }
  return Object.keys(news).length === 0 ? null : news
}

/** A part that runs as wished and that no note tells of, as after a note was lost, is noted. */
function unnoted(
  { disks, nics }: GuestSpec,
  record: GuestRecord,
  running: NonNullable<GuestObserved['running']>,
): Partial<GuestRecord> {
  const lack = <Part extends { readonly id: string }>(
    wished: readonly Part[],
    noted: readonly Part[],
    run: readonly { readonly id: string }[],
  ) => wished.filter(({ id }) => run.some((one) => one.id === id) && !noted.some((one) => one.id === id))
  const lost = {
    disks: lack(disks, record.disks, running.disks),
    nics: lack(nics, record.nics, running.nics),
  }
  return {
    ...(lost.disks.length === 0 ? {} : { disks: [...record.disks, ...lost.disks] }),
    ...(lost.nics.length === 0 ? {} : { nics: [...record.nics, ...lost.nics] }),
  }
}

/** What is worth knowing of a guest that runs, beside what is done. */
function told(wish: GuestSpec, { record, inside }: GuestObserved, plan: Plan<GuestStep>): Plan<GuestStep> {
  const isLeft = wish.memoryOf !== null && wish.memoryOf.boot === record.boot && !record.goesOn
  const holds: Hold[] = [
    ...(isLeft ? [reason('guest/memory-left', { snapshot: wish.memoryOf?.snapshot ?? '' })] : []),
    ...(record.ready === null && inside?.cloudInit === 'error'
      ? [reason('guest/cloud-init-failed', { why: inside.detail.slice(0, 200) })]
      : []),
  ]
  return { ...plan, holds: [...plan.holds, ...holds] }
}

/** Asked to power down, then wished on after all: it may still go (and is begun again), or has not heard. */
function changedMind(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  const agoMs = Math.abs(seen.nowMs - (seen.record.askedAtMs ?? seen.nowMs))
  const leftMs = wish.forceAfterSeconds * 1000 - agoMs
  if (leftMs <= 0) return proceed(note({ ...seen.record, askedAtMs: null, pressedAtMs: null }))
  return wait(
    'guest/stopping',
    { seconds: Math.floor(agoMs / 1000), forceSeconds: wish.forceAfterSeconds },
    leftMs,
  )
}

function planPaused(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  if (wish.power === 'gone') return end(seen, 'forced')
  const mustEnd = wish.power === 'off' || wish.boot > seen.boot
  // A guest whose CPUs stand still cannot hear the power button.
  if (mustEnd)
    return wish.forceAfterSeconds === 0 || isOverdue(wish, seen) ? end(seen, 'forced') : resumeFirst(seen)
  if (wish.power === 'paused') return keepPaused(wish, seen)
  if (seen.isWatchdogStopped && !seen.record.isWatchdogKnown) return wait('guest/watchdog')
  return seen.isIoStopped ? wait('guest/io-stopped', {}, 2_000) : proceed({ do: 'resume' })
}

/** What a guest would have to let go of, it lets go of when it runs. */
function keepPaused(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  if (seen.isWatchdogStopped && !seen.record.isWatchdogKnown)
    return proceed(note({ ...seen.record, isWatchdogKnown: true }))
  return differs(wish, seen) ? wait('guest/paused-changes') : settled
}

const resumeFirst = (seen: GuestObserved): Plan<GuestStep> =>
  seen.isIoStopped ? askedHold(seen) : proceed({ do: 'resume' })

function askedHold(seen: GuestObserved): Plan<GuestStep> {
  if (seen.record.askedAtMs !== null) return wait('guest/io-stopped', {}, 1_000)
  return proceed(note({ ...seen.record, askedAtMs: seen.nowMs }))
}

const isOverdue = (wish: GuestSpec, { record, nowMs }: GuestObserved) =>
  record.askedAtMs !== null && nowMs - record.askedAtMs >= wish.forceAfterSeconds * 1000

function powerDown(wish: GuestSpec, seen: GuestObserved): Plan<GuestStep> {
  const { record, nowMs } = seen
  if (wish.forceAfterSeconds === 0 || isOverdue(wish, seen)) return end(seen, 'forced')
  // A clock set back would let the guest linger: begin the wait anew.
  const askedAtMs = record.askedAtMs === null || record.askedAtMs > nowMs ? nowMs : record.askedAtMs
  const isDue = record.pressedAtMs === null || Math.abs(nowMs - record.pressedAtMs) >= pressAgainMs
  if (isDue)
    return proceed<GuestStep>(note({ ...record, askedAtMs, pressedAtMs: nowMs }), { do: 'powerdown' })
  const seconds = Math.floor((nowMs - askedAtMs) / 1000)
  const leftMs = askedAtMs + wish.forceAfterSeconds * 1000 - nowMs
  return wait(
    'guest/stopping',
    { seconds, forceSeconds: wish.forceAfterSeconds },
    Math.max(50, Math.min(leftMs, pressAgainMs)),
  )
}

/** Notes why the boot ended, unless that is known already, then ends what is left of the process. */
function end(seen: GuestObserved, why: Exit['why']): Plan<GuestStep> {
  const { record } = seen
  if (record.exit !== null) return proceed({ do: 'kill' })
  const isCrash = why === 'crashed' || why === 'panicked'
  const exit: Exit = { why, atMs: seen.nowMs, detail: why === 'forced' ? '' : seen.detail.slice(0, 400) }
  const crashes = isCrash ? record.crashes + 1 : record.crashes
  return proceed<GuestStep>(note({ ...record, exit, crashes }), { do: 'kill' })
}
