/** Ends QEMU processes, each only after proof that it is ours (I-23). */

import { Problem } from '#model/problem.ts'
import type { Clock } from '#drivers/clock/port.ts'
import { type Guest } from './guest.ts'
import { removeCgroups } from './jail/cgroup.ts'
import { endPartners } from './partners.ts'
import { isQemu, isSameProcess, processesWith, processFacts } from './process.ts'

const quitMs = 2000
const pauseMs = 5

/**
 * Ends the guest's process for certain and writes down that it ended. Problem `guest/not-ours` when a
 * process stands that cannot be proven to be the guest; it is left alone.
 */
export async function endProcess(guest: Guest, clock: Clock): Promise<void> {
  const { record } = guest
  if (record === undefined || record.phase === 'ended') return
  if (guest.isAlive) await guest.adopt()
  if (guest.isAlive) {
    if (!guest.isProven) throw new Problem('guest/not-ours', { pid: record.pid ?? 0 })
    await quit(guest, clock)
  }
  guest.detach()
  await endPartners(guest.folder, clock)
  guest.keep({ ...record, phase: 'ended', pid: null, startTicks: null })
  await removeGroups(record.cgroups, clock)
}

/** Asks QEMU to end, then insists. The start time is read once more right before the signal is sent. */
async function quit(guest: Guest, clock: Clock) {
  const { pid, startTicks } = guest.record ?? { pid: null, startTicks: null }
  if (pid === null || startTicks === null) return
  await guest.qmp.ask('quit', {}, quitMs).catch(() => undefined)
  if (await isGoneWithin(quitMs, pid, startTicks, clock)) return
  if (isSameProcess(pid, startTicks)) process.kill(pid, 'SIGKILL')
  if (!(await isGoneWithin(5 * quitMs, pid, startTicks, clock)))
    throw new Problem('guest/spawn', { why: 'its process does not end' })
}

async function isGoneWithin(ms: number, pid: number, startTicks: string, clock: Clock) {
  const deadline = clock.monotonic() + ms
  while (isSameProcess(pid, startTicks)) {
    if (clock.monotonic() > deadline) return false
    await clock.sleep(pauseMs)
  }
  return true
}

/**
 * What an agent left that died while it started a guest: a process whose CPUs never ran, perhaps with no
 * pid written down. It is found by its arguments, proven over QMP, and ended; spawning is asked for again.
 */
export async function endUnfinished(guest: Guest, clock: Clock): Promise<void> {
  if (guest.record === undefined) return
  if (!guest.isAlive) {
    const pid = await unfinishedPid([guest.id, `${guest.folder}/qemu.pid`], clock)
    const startTicks = pid === undefined ? undefined : processFacts(pid)?.startTicks
    if (pid !== undefined && startTicks !== undefined) guest.amend({ phase: 'started', pid, startTicks })
  }
  // It may not listen yet.
  const deadline = clock.monotonic() + quitMs
  while (!(await isEnded(guest, clock)) && clock.monotonic() < deadline) await clock.sleep(pauseMs)
}

const isEnded = (guest: Guest, clock: Clock) =>
  endProcess(guest, clock).then(
    () => true,
    () => false,
  )

/** The QEMU that was being started. Its jail carries the same words; it becomes QEMU in a moment, or ends. */
async function unfinishedPid(words: readonly string[], clock: Clock): Promise<number | undefined> {
  const deadline = clock.monotonic() + quitMs
  for (;;) {
    const found = processesWith(words)
    const pid = found.find(isQemu)
    if (pid !== undefined || found.length === 0 || clock.monotonic() > deadline) return pid
    await clock.sleep(pauseMs)
  }
}

/** A group empties a moment after its last process ended: the jail's own parent goes last. False: some are left. */
export async function removeGroups(cgroups: readonly string[], clock: Clock): Promise<boolean> {
  const deadline = clock.monotonic() + quitMs
  while (!removeCgroups(cgroups)) {
    if (clock.monotonic() >= deadline) return false
    await clock.sleep(pauseMs)
  }
  return true
}
