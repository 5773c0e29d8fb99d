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
import { canonical } from '#base/json.ts'
import { limits } from '#model/limits.ts'
import { proceed, settled, wait, type Hold, type Plan } from '#model/plan.ts'
import type { GuestSpec, GuestStatus } from './schema.ts'

export type Exit = NonNullable<GuestStatus['exit']>

export type GuestRecord = {
  /** Highest epoch that this host was ever given for the guest; an older order is refused. */
  readonly epoch: number
  /** The boot that was begun last; 0: none. */
  readonly boot: number
  /** How that boot ended; null while it has not. */
  readonly exit: Exit | null
  /** Crashes in a row. */
  readonly crashes: number
  /** When the power button was first, and last, pressed in this boot. */
  readonly askedAtMs: number | null
  readonly pressedAtMs: number | null
  /** Boot id of the host when this boot was begun. */
  readonly hostBoot: string
  readonly isRemoved: boolean
  /** What it was begun with, of what can differ from the wish until the next boot. */
  readonly shape: Shape | null
}

export type Shape = { readonly disks: readonly string[]; readonly plugs: readonly string[] }

/** Ids of the volumes, and each plug in words that differ when it must be plugged anew. */
export const shapeOf = ({ disks, nics }: Pick<GuestSpec, 'disks' | 'nics'>): Shape => ({
  disks: disks.map(({ volume }) => volume),
  plugs: nics.map((nic) => canonical(nic)),
})

export const blankRecord: GuestRecord = {
  epoch: 0,
  boot: 0,
  exit: null,
  crashes: 0,
  askedAtMs: null,
  pressedAtMs: null,
  hostBoot: '',
  isRemoved: false,
  shape: null,
}

export type GuestObserved = {
  readonly process:
    | 'absent'
    | 'starting'
    | 'running'
    | 'paused'
    | 'shutdown'
    | 'panicked'
    | 'lost'
    | 'strange'
  readonly pid: number | null
  /** Boot and epoch of the process that is seen. */
  readonly boot: number
  readonly startedAtMs: number | null
  readonly isIoStopped: boolean
  readonly detail: string
  readonly record: GuestRecord
  /** What keeps it from starting: volumes, image. */
  readonly unready: readonly Hold[]
  /** Whether the store still wishes for it. */
  readonly isClaimed: boolean
  readonly hostBoot: string
  readonly nowMs: number
}

export type GuestStep =
  | { readonly do: 'note'; readonly record: GuestRecord }
  | { readonly do: 'spawn' }
  | { readonly do: 'pause' }
  | { readonly do: 'resume' }
  | { readonly do: 'powerdown' }
  | { readonly do: 'kill' }
  | { readonly do: 'remove' }

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
  if (seen.unready.length > 0) return { steps: [], holds: seen.unready, againMs: 2_000 }
  const record: GuestRecord = {
    ...seen.record,
    epoch: wish.epoch,
    boot: wish.boot,
    exit: null,
    askedAtMs: null,
    pressedAtMs: null,
    hostBoot: seen.hostBoot,
    isRemoved: false,
    shape: shapeOf(wish),
  }
  return proceed<GuestStep>(note(record), { do: 'spawn' })
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
  const ranMs = seen.startedAtMs === null ? 0 : seen.nowMs - seen.startedAtMs
  if (seen.record.crashes === 0) return settled
  if (ranMs >= recoveredMs) return proceed(note({ ...seen.record, crashes: 0 }))
  return { ...settled, againMs: recoveredMs - Math.max(0, ranMs) }
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
  if (wish.power === 'paused') return settled
  return seen.isIoStopped ? wait('guest/io-stopped', {}, 2_000) : proceed({ do: 'resume' })
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
  const exit: Exit = { why, atMs: seen.nowMs, detail: isCrash ? seen.detail.slice(0, 400) : '' }
  const crashes = isCrash ? record.crashes + 1 : record.crashes
  return proceed<GuestStep>(note({ ...record, exit, crashes }), { do: 'kill' })
}

const note = (record: GuestRecord): GuestStep => ({ do: 'note', record })

/** What people are told of the guest's phase. */
export function phaseOf(wish: GuestSpec, { process, record }: GuestObserved): GuestStatus['phase'] {
  switch (process) {
    case 'starting':
    case 'paused':
      return process
    case 'running':
      return record.askedAtMs === null ? 'running' : 'stopping'
    case 'strange':
      return 'running'
    case 'shutdown':
      return 'stopping'
    case 'panicked':
    case 'lost':
      return 'crashed'
    case 'absent':
      return absentPhase(wish, record)
    default:
      return unreachable(process)
  }
}

function absentPhase(wish: GuestSpec, { exit, boot, isRemoved }: GuestRecord): GuestStatus['phase'] {
  if (wish.power === 'gone') return isRemoved ? 'absent' : 'stopping'
  if (boot < wish.boot && wish.power !== 'off') return 'absent'
  if (exit === null) return wish.power === 'off' ? 'stopped' : 'absent'
  return exit.why === 'crashed' || exit.why === 'panicked' ? 'crashed' : 'stopped'
}
